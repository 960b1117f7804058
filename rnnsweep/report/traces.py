"""Figures of what runs wrote step by step, and of what their models can show: read from few runs, when drawn."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from rnnsweep.record import Json
from rnnsweep.report import results, stats
from rnnsweep.report.draw import (
    COLORS,
    GRID,
    MUTED,
    Picture,
    canvas,
    color,
    legend,
    log_if_wide,
    marker,
    plain_log,
    stacked,
)
from rnnsweep.report.effects import FEW
from rnnsweep.report.figures import styled
from rnnsweep.report.leaderboard import Standing, standings
from rnnsweep.report.runs import Factor, Metric, Runs
from rnnsweep.report.sentences import named
from rnnsweep.report.shown import showcase
from rnnsweep.report.tables import anchor

Array = NDArray[Any]
ARMS = 8  # lines in one panel


def best_of_levels(runs: Runs, factor: Factor, metric: Metric) -> list[tuple[str, Standing]]:
    """For each level the setting that is best by the metric."""
    ranked = standings(runs, metric)
    best: dict[int, Standing] = {}
    for standing in ranked:
        best.setdefault(int(factor.column[standing.rows[0]]), standing)
    return [(factor.levels[code], best[code]) for code in sorted(best) if code >= 0][:ARMS]


def rows_of(runs: Runs, rows: Any, split: str, name: str) -> pd.DataFrame:
    """`row step value` of the runs' rows."""
    paths = runs.frame["path"].to_numpy(object)[rows]
    found = results.curves(list(paths), split, name)
    return found.assign(row=np.asarray(rows, int)[found["run"].astype(int)])[["row", "step", "value"]].dropna()


@styled
def curves(runs: Runs, factor: Factor, metric: Metric) -> Picture | None:
    """Validation over the steps for the best setting of each level: mean, band over seeds, and n(t) below."""
    name = metric.name.removeprefix("val/")
    figure, (top, bottom) = stacked(5.8, (3.0, 0.9))
    tables = []
    for index, (level, standing) in enumerate(best_of_levels(runs, factor, metric)):
        found = rows_of(runs, standing.rows, "val", name)
        if found.empty:
            continue
        grouped = found.groupby("step")["value"]
        intervals = [(step, stats.t_interval(values.to_numpy(), least=FEW)) for step, values in grouped]
        steps = [step for step, _ in intervals]
        top.plot(
            steps,
            [i.mean for _, i in intervals],
            color=color(index),
            marker=marker(index),
            markersize=3,
            label=named(factor.key, level),
        )
        known = [(step, i) for step, i in intervals if i.known]
        if known:
            top.fill_between(
                [s for s, _ in known],
                [i.low for _, i in known],
                [i.high for _, i in known],
                color=color(index),
                alpha=0.18,
                linewidth=0,
            )
        bottom.step(steps, [i.n for _, i in intervals], where="post", color=color(index))
        tables.append(
            pd.DataFrame(
                [
                    {
                        "level": level,
                        "setting": runs.describe(standing.setting),
                        "step": s,
                        "mean": i.mean,
                        "low": i.low,
                        "high": i.high,
                        "n": i.n,
                    }
                    for s, i in intervals
                ]
            )
        )
    if not tables:
        return None
    data = pd.concat(tables)
    low, high = data["mean"].min(), data["mean"].quantile(0.98)
    if not log_if_wide(top, data["mean"]) and math.isfinite(high) and high > low:
        top.set_ylim(low - 0.08 * (high - low), high + 0.15 * (high - low))
    top.set(ylabel=f"{metric.name}{' (' + metric.unit + ')' if metric.unit else ''}")
    legend(figure, top)
    bottom.set(xlabel="step", ylabel="runs n(t)", ylim=(0, None))
    bottom.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    caption = (
        f"For each level of {factor.key} the setting that is best {metric.where}: mean over seeds, 95% t band "
        "from three seeds on. Below: how many runs each point is the mean of; a run that diverges leaves."
    )
    return Picture(f"curves-{anchor(runs.task, factor.key)}", "Learning curves", caption, figure, data)


@styled
def gradients(runs: Runs, factor: Factor, _: Metric) -> Picture | None:
    """The gradient norm before clipping over the steps, a line a level, a panel for each clipping."""
    clip = next((f for f in runs.factors if f.key == "train.clip"), None)
    by_clip = list(enumerate(clip.levels)) if clip else [(0, "")]
    lines = (
        factor
        if factor.key != "train.clip"
        else next((f for f in runs.factors if f.key in ("cell", "optimizer.lr") and f is not clip), None)
    )
    figure, panels = canvas(len(by_clip))
    tables = []
    for axes, (code, label) in zip(panels, by_clip, strict=True):
        for index, level in enumerate(lines.levels if lines else ["all runs"]):
            inside = (clip.column == code if clip else True) & (lines.column == index if lines else True)
            rows = _spread(np.flatnonzero(np.broadcast_to(inside, len(runs.frame))), 24)
            found = rows_of(runs, rows, "train", "grad_norm")
            found = found[found["value"] > 0]
            if found.empty or index >= ARMS:
                continue
            grouped = found.groupby("step")["value"].quantile([0.1, 0.5, 0.9]).unstack()
            axes.plot(
                grouped.index, grouped[0.5], color=color(index), label=named(lines.key, level) if lines else level
            )
            axes.fill_between(grouped.index, grouped[0.1], grouped[0.9], color=color(index), alpha=0.15, linewidth=0)
            table = grouped.reset_index().rename(columns={0.1: "low decile", 0.5: "median", 0.9: "high decile"})
            tables.append(table.assign(clip=label, level=level, runs=len(rows)))
        axes.set(
            yscale="log",
            xlabel="step",
            ylabel="gradient norm before clipping",
            title=f"train.clip={label}" if clip else "",
        )
        plain_log(axes.yaxis)
        if clip and label != "null":
            axes.axhline(float(label), color=MUTED, linewidth=1, linestyle="--")
    if not tables:
        return None
    legend(figure, panels[0])
    caption = (
        "Median and deciles over all runs of a level (24 spread evenly where there are more), diverged ones "
        "as far as they came. Dashed: the clipping norm."
    )
    return Picture(f"gradients-{anchor(runs.task, factor.key)}", "Gradient norms", caption, figure, pd.concat(tables))


def _spread(rows: Array, most: int) -> list[int]:
    if len(rows) <= most:
        return [int(row) for row in rows]
    return [int(rows[i]) for i in np.linspace(0, len(rows) - 1, most).round().astype(int)]


@styled
def context(runs: Runs, factor: Factor, metric: Metric) -> Picture | None:
    """The loss on the same final tokens against how many came before, and by position after the initial state."""
    figure, (left, right) = canvas(2)
    rows: list[Json] = []
    for index, (level, standing) in enumerate(best_of_levels(runs, factor, metric)):
        shown = [showcase(runs.frame["path"].iloc[row]).get("context", {}) for row in standing.rows]
        shown = [each for each in shown if each]
        for axes, view, key in ((left, "by_context", "length"), (right, "by_position", "to")):
            found = pd.DataFrame(
                [{"at": point[key], "loss": point["loss"]} for each in shown for point in each.get(view, [])]
            )
            if found.empty:
                continue
            means = found.groupby("at")["loss"].agg(["mean", "count"])
            axes.plot(
                means.index,
                means["mean"],
                color=color(index),
                marker=marker(index),
                markersize=4,
                label=named(factor.key, level),
            )
            rows += [
                {"level": level, "view": view, "at": at, "loss": r["mean"], "n": int(r["count"])}
                for at, r in means.iterrows()
            ]
    if not rows:
        return None
    left.set(xscale="log", xlabel="characters read before", ylabel="loss on the same final tokens (nats)")
    right.set(xscale="log", xlabel="position after the initial state", ylabel="loss (nats)")
    for axes in (left, right):
        plain_log(axes.xaxis)
    legend(figure, left)
    caption = (
        f"For each level of {factor.key} the setting that is best {metric.where}, mean over its seeds. Left: "
        "every point predicts the same tokens. Right: averages between powers of two. Where a line is flat, "
        "more context no longer helps."
    )
    return Picture(
        f"context-{anchor(runs.task, factor.key)}", "How far context reaches", caption, figure, pd.DataFrame(rows)
    )


@styled
def diversity(runs: Runs, metric: Metric, arms: Factor | None) -> Picture | None:
    """Distinct bigrams against words that the training text knows, over temperature and top-k."""
    chosen = best_of_levels(runs, arms, metric) if arms else [("best", standings(runs, metric)[0])]
    figure, (axes,) = canvas(1, 5.6, 3.6)
    rows: list[Json] = []
    for index, (level, standing) in enumerate(chosen):
        measures = [m for row in standing.rows for m in showcase(runs.frame["path"].iloc[row]).get("measures", [])]
        found = pd.DataFrame(measures)
        if found.empty or not {"temperature", "top_k", "distinct_2", "known_words"} <= set(found):
            continue
        means = found.groupby(["temperature", "top_k"])[["distinct_2", "known_words"]].mean().reset_index()
        for top_k, part in means.groupby(means["top_k"] > 0):
            axes.plot(
                part["distinct_2"],
                part["known_words"],
                color=color(index),
                marker=marker(index),
                markersize=5,
                linestyle="" if top_k else "-",
                markerfacecolor="none" if top_k else color(index),
                label=None if top_k else (named(arms.key, level) if arms else level),
            )
        for row in means.itertuples(index=False):
            text = f"{row.temperature:g}" + (f", k{row.top_k:.0f}" if row.top_k else "")
            axes.annotate(
                text, (row.distinct_2, row.known_words), (4, 3), textcoords="offset points", fontsize=7, color=MUTED
            )
        rows += [{"level": level, **row._asdict()} for row in means.itertuples(index=False)]
    if not rows:
        return None
    axes.set(xlabel="diversity: distinct bigrams of words", ylabel="coherence: share of known words")
    legend(figure, axes)
    caption = (
        "Each point is a temperature (hollow: with top-k), averaged over prompts and seeds of the best "
        "setting; up and right is better."
    )
    return Picture(
        f"diversity-{anchor(runs.task)}", "Sampling: diversity against coherence", caption, figure, pd.DataFrame(rows)
    )


@styled
def confusion(runs: Runs, row: int, table: Sequence[Sequence[float]], labels: Sequence[str]) -> Picture:
    """A confusion matrix: true classes in rows, each row's shares."""
    counts = np.array(table, float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 1.4 + 0.32 * len(labels)
    figure, (axes,) = canvas(1, side + 0.6, side)
    axes.imshow(shares, cmap="YlGnBu", vmin=0, vmax=1)
    if len(labels) <= 20:
        for a, b in np.ndindex(shares.shape):
            if shares[a, b] >= 0.005:
                axes.annotate(
                    f"{100 * shares[a, b]:.0f}",
                    (b, a),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="#ffffff" if shares[a, b] > 0.55 else "#111111",
                )
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(visible=False)
    data = pd.DataFrame(counts, columns=list(labels)).assign(true=list(labels))
    name = runs.frame["run"].iloc[row]
    return Picture(
        f"confusion-{anchor(runs.task)}",
        "Confusion",
        f"Percent of each true class; the selected setting's best seed ({name}).",
        figure,
        data,
    )


@styled
def attention(runs: Runs, row: int, data: dict[str, Any]) -> Picture:
    """Where a decoder looks: a row for each symbol that it writes, a column for each symbol of the source."""
    weights, written = np.array(data["weights"], float), [*data["target"], "end"]
    figure, (axes,) = canvas(1, 1.6 + 0.24 * weights.shape[1], 1.2 + 0.22 * weights.shape[0])
    axes.imshow(weights, cmap="YlGnBu", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(weights.shape[1]), [*data["source"]])
    axes.set_yticks(range(len(written)), written)
    axes.set(xlabel="source", ylabel="written")
    axes.grid(visible=False)
    columns = [f"{place}:{symbol}" for place, symbol in enumerate(data["source"])]
    return Picture(
        f"attention-{anchor(runs.task)}",
        "Attention",
        f"Weights over the longest test source; the selected setting's best seed ({runs.frame['run'].iloc[row]}).",
        figure,
        pd.DataFrame(weights, columns=columns).assign(written=written),
    )


@styled
def by_length(runs: Runs, row: int, data: list[dict[str, float]]) -> Picture:
    """How often the selected model is right on sequences of each length."""
    figure, (axes,) = canvas(1, 4.2, 2.6)
    frame = pd.DataFrame(data)
    told = frame[[column for column in ("exact", "accuracy", "last") if column in frame]].T.drop_duplicates().index
    for index, name in enumerate(told):
        axes.plot(frame["length"], frame[name], marker="o", markersize=4, color=COLORS[index], label=name)
    axes.set(xlabel="length", ylabel="share right", ylim=(-0.03, 1.03))
    legend(figure, axes)
    return Picture(
        f"by-length-{anchor(runs.task)}",
        "By length",
        f"Test sequences of each length; the selected setting's best seed ({runs.frame['run'].iloc[row]}).",
        figure,
        frame,
    )


@styled
def lines(runs: Runs, name: str, series: dict[str, Sequence[float]]) -> Picture:
    """Predictions of the selected setting, as the record holds them."""
    figure, (axes,) = canvas(1, 6.2, 2.8)
    for index, (label, values) in enumerate(series.items()):
        axes.plot(
            values, color=COLORS[index % len(COLORS)] if index else GRID, linewidth=1.3 if index else 3, label=label
        )
    axes.set(xlabel="step")
    legend(figure, axes)
    data = pd.DataFrame({label: pd.Series(list(values)) for label, values in series.items()})
    return Picture(
        f"{anchor(name)}-{anchor(runs.task)}",
        f"{name.capitalize()}",
        "From the record of the selected setting's best seed.",
        figure,
        data,
    )
