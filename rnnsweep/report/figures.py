"""Figures of factors: levels, differences, interactions, budgets, costs. Each returns the picture with its data."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from rnnsweep.lettering import lettered
from rnnsweep.report import stats
from rnnsweep.report.ablations import UNLIKE
from rnnsweep.report.anova import Anova
from rnnsweep.report.draw import (
    COLORS,
    GRID,
    INK,
    MUTED,
    STYLE,
    Picture,
    canvas,
    color,
    legend,
    log_if_wide,
    marker,
    numeric_axis,
    plain_log,
    rail,
)
from rnnsweep.report.effects import FEW, Effect
from rnnsweep.report.leaderboard import standings
from rnnsweep.report.numbers import number
from rnnsweep.report.runs import Factor, Metric, Runs
from rnnsweep.report.sentences import named
from rnnsweep.report.tables import anchor, oneline
from rnnsweep.report.typeface import families

LONGEST, ROW = 24, 36  # characters of a level's name, and of all names that stand in a row below a panel
THREADS = 60  # single settings that a figure shows as thin lines beside the mean
Array = NDArray[Any]


def styled(draw: Any) -> Any:
    """Draws under the report's style."""

    def drawn(*arguments: Any) -> Any:
        with lettered((), families(), STYLE):
            return draw(*arguments)

    return drawn


def axis_label(name: str, unit: str = "") -> str:
    names = {"val/gap": "validation − training loss", "val/overfit": "rise after the best"}
    names |= {"last:train/grad_norm": "gradient norm at the end", "val/loss": "validation loss"}
    return names.get(name, name) + (f" ({unit})" if unit else "")


# Levels ----------------------------------------------------------------------------------------------------------


@styled
def levels(runs: Runs, factor: Factor, metrics: Sequence[str], hue: Factor | None) -> Picture | None:
    """Each setting as a thin line over the levels, the mean of those that have every level as a thick one."""
    figure, panels = canvas(len(metrics), height=4.0 if _crowded(factor) else 3.1)
    data = pd.concat(
        [
            _levels(axes, runs, factor, name, hue, index == 0)
            for index, (axes, name) in enumerate(zip(panels, metrics, strict=True))
        ]
    )
    if data.empty:
        return None
    if hue is not None:
        legend(figure, panels[0], hue.key)
    caption = (
        "Thin: one setting each, its mean over "
        f"seeds{' (at most ' + str(THREADS) + ' drawn)' if data['setting'].nunique() > THREADS else ''}. "
    )
    caption += (
        "Thick: the mean over settings that have every level shown, with a 95% t interval over the seeds "
        "where they are fewer than three (more settings differ by what they are; the differences below have "
        "intervals). "
    )
    caption += "Crosses on the top rail: diverged runs, of all that ended."
    name = f"levels-{anchor(runs.task, factor.key)}"
    return Picture(name, f"{metrics[0]} over {factor.label}", caption, figure, data)


def _levels(axes: Axes, runs: Runs, factor: Factor, metric: str, hue: Factor | None, first: bool) -> pd.DataFrame:
    numbers = factor.numbers
    place = np.array(numbers if numbers else range(len(factor.levels)), float)
    frame = pd.DataFrame(
        {
            "setting": runs.blocks(factor),
            "seed": pd.to_numeric(runs.frame["seed"], errors="coerce").to_numpy(float),
            "level": factor.column,
            "hue": hue.column if hue else 0,
            "value": runs.values(metric),
            "diverged": (runs.frame["state"] == "diverged").to_numpy(),
            "complete": (runs.frame["state"] == "complete").to_numpy(),
        }
    )
    frame = frame[(frame["level"] >= 0) & (frame["hue"] >= 0)]
    if numbers:
        numeric_axis(axes, numbers, factor.levels)
    else:
        names = [_short(level) for level in factor.levels]
        turned: Any = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if _crowded(factor) else {}
        axes.set_xticks(place, names, **turned)
        axes.set_xlim(-0.4, len(place) - 0.6)
    done = frame[np.isfinite(frame["value"])]
    for code, part in done.groupby("hue"):
        _threads(axes, part, place, int(code), hue)
    axes.set(xlabel=factor.key, ylabel=axis_label(metric, runs.unit(metric)))
    log_if_wide(axes, done["value"])
    _on_rail(axes, frame, place)
    kept = done.assign(metric=metric, level=[factor.levels[code] for code in done["level"]])
    kept["hue"] = [hue.levels[code] if hue else "" for code in done["hue"]]
    lost = frame[frame["diverged"]].assign(metric=metric, value=math.nan)
    lost["level"], lost["hue"] = (
        [factor.levels[c] for c in lost["level"]],
        [hue.levels[c] if hue else "" for c in lost["hue"]],
    )
    return pd.concat([kept, lost] if first else [kept])[
        ["metric", "setting", "seed", "hue", "level", "value", "diverged"]
    ]


def _crowded(factor: Factor) -> bool:
    """Whether the names of the levels do not fit beside each other below a panel."""
    return not factor.numbers and sum(len(_short(level)) for level in factor.levels) > ROW


def _short(level: str) -> str:
    """A level that fits beside an axis; a choice's own setting without its group: `mlp_window (window=4)`."""
    level = re.sub(r" \(\w+\.", " (", oneline(level))
    return level if len(level) <= LONGEST else f"{level[: LONGEST - 1]}…"


def _threads(axes: Axes, part: pd.DataFrame, place: Array, code: int, hue: Factor | None) -> None:
    table = part.pivot_table(index="setting", columns="level", values="value", aggfunc="mean")
    shade = color(code) if hue else COLORS[0]
    threads = [line.dropna() for _, line in table.iloc[:THREADS].iterrows()]
    x = np.concatenate([[*place[line.index], math.nan] for line in threads])  # one line with gaps is quickly drawn
    y = np.concatenate([[*line, math.nan] for line in threads])
    axes.plot(x, y, color=shade, linewidth=0.7, alpha=0.3, marker=marker(code), markersize=2.5)
    whole = table.dropna()
    if whole.empty:
        return
    intervals = [stats.Interval(float(whole[level].mean())) for level in whole.columns]  # settings spread: no error bar
    if len(whole) < FEW:  # these settings only: the seeds are what is sampled
        seeds = (
            part[part["setting"].isin(whole.index)]
            .pivot_table(index="seed", columns="level", values="value", aggfunc="mean")
            .dropna()
        )
        if len(seeds):
            intervals = [stats.t_interval(seeds[level].to_numpy(), least=FEW) for level in seeds.columns]
    reach = [interval.half if interval.known else 0.0 for interval in intervals]
    means = [interval.mean for interval in intervals]
    label = named(hue.key, hue.levels[code]) if hue else None
    style: dict[str, Any] = {"color": shade, "linewidth": 2, "marker": marker(code), "markersize": 6, "label": label}
    axes.plot(place[whole.columns], means, **style)
    if any(reach):
        axes.errorbar(place[whole.columns], means, yerr=reach, color=shade, linewidth=0, elinewidth=1.5, capsize=3)


def _on_rail(axes: Axes, frame: pd.DataFrame, place: Array) -> None:
    ended = frame[frame["diverged"] | frame["complete"]].groupby("level")["diverged"].agg(["sum", "count"])
    lost = ended[ended["sum"] > 0]
    texts = [f"{row['sum']:.0f}/{row['count']:.0f}" for _, row in lost.iterrows()]
    rail(axes, [float(place[code]) for code in lost.index], texts, [INK] * len(lost))


# Differences -----------------------------------------------------------------------------------------------------


@styled
def forest(runs: Runs, factor: Factor, effects: list[Effect], metric: Metric, margin: float) -> Picture | None:
    """The matched differences from the baseline: one dot a setting (or seed), the mean with its interval."""
    shown = [effect for effect in effects if effect.values]
    if not shown:
        return None
    figure, (axes,) = canvas(1, 6.2, 1.1 + 0.42 * len(shown))
    rows = []
    axes.axvspan(-margin, margin, color=GRID, alpha=0.6, linewidth=0)
    axes.axvline(0, color=MUTED, linewidth=1)
    for y, effect in enumerate(shown):
        values = np.array(effect.values)
        axes.scatter(
            values,
            np.full(len(values), y - 0.18),
            s=9,
            color=COLORS[0],
            alpha=max(0.15, min(0.6, 20 / len(values))),
            linewidths=0,
        )
        interval = effect.interval
        if interval.known:
            axes.plot([interval.low, interval.high], [y, y], color=INK, linewidth=2)
        axes.scatter([interval.mean], [y], s=34, color=INK, zorder=4)
        rows.append(
            {
                "level": effect.level,
                "baseline": effect.baseline,
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "n": len(values),
                "unit": effect.unit,
            }
        )
    axes.set_yticks(range(len(shown)), [_short(effect.level) for effect in shown])
    axes.set_ylim(len(shown) - 0.5, -0.6)
    axes.set_xlabel(
        f"Δ {metric.name} to {shown[0].baseline}{' (' + metric.unit + ')' if metric.unit else ''}: "
        f"{'left' if metric.lower else 'right'} is better"
    )
    axes.grid(axis="y", visible=False)
    caption = (
        "Small dots: matched settings (seeds where settings are fewer than three). Large: their mean with "
        "its 95% t interval. "
    )
    caption += (
        f"Shaded: differences below the margin of {margin:g}. Pairs with a diverged run have no difference; "
        "the table counts them."
    )
    return Picture(
        f"effect-{anchor(runs.task, factor.key)}",
        f"Matched differences: {factor.key}",
        caption,
        figure,
        pd.DataFrame(rows),
    )


@styled
def heat(runs: Runs, first: Factor, second: Factor, metric: Metric) -> Picture | None:
    """Two factors at once: means over settings that have every combination, diverged runs counted in the cells."""
    values = runs.values(metric.name)
    block = runs.blocks(first, second.key, *second.together, *second.derived)
    frame = pd.DataFrame(
        {
            "block": block,
            "a": first.column,
            "b": second.column,
            "value": values,
            "diverged": (runs.frame["state"] == "diverged").to_numpy(),
        }
    )
    frame = frame[(frame["a"] >= 0) & (frame["b"] >= 0)]
    table = frame.pivot_table(index="block", columns=["a", "b"], values="value", aggfunc="mean")
    wanted = [pair for pair in table.columns if table[pair].notna().any()]
    whole = table[wanted].dropna()
    if whole.empty or len(wanted) < 3:
        return None
    means = whole.mean()
    grid = np.full((len(first.levels), len(second.levels)), math.nan)
    for (a, b), value in means.items():
        grid[a, b] = value
    lost = frame.groupby(["a", "b"])["diverged"].sum()
    figure, (axes,) = canvas(1, 1.9 + 0.85 * len(second.levels), 1.3 + 0.5 * len(first.levels))
    axes.imshow(grid, cmap="YlGnBu_r" if metric.lower else "YlGnBu", aspect="auto", alpha=0.85)
    low, high = np.nanmin(grid), np.nanmax(grid)
    for a, b in np.ndindex(grid.shape):
        count = int(lost.get((a, b), 0))
        text = (number(grid[a, b])) + (f"\n{count} div." if count else "")
        dark = math.isfinite(grid[a, b]) and ((grid[a, b] - low) / (high - low + 1e-12) < 0.4) == metric.lower
        axes.annotate(
            text,
            (b, a),
            ha="center",
            va="center",
            fontsize=8.5,
            color="#ffffff" if dark else "#111111" if math.isfinite(grid[a, b]) else INK,
        )
    axes.set_xticks(range(len(second.levels)), [_short(level) for level in second.levels])
    axes.set_yticks(range(len(first.levels)), [_short(level) for level in first.levels])
    axes.set(xlabel=second.key, ylabel=first.key)
    axes.grid(visible=False)
    data = pd.DataFrame(
        [
            {
                first.key: first.levels[a],
                second.key: second.levels[b],
                metric.name: v,
                "diverged": int(lost.get((a, b), 0)),
            }
            for (a, b), v in np.ndenumerate(grid)
        ]
    )
    caption = (
        f"Mean {metric.name} over the {len(whole)} settings (means over seeds) that have every combination "
        "shown; div.: diverged runs."
    )
    return Picture(
        f"heat-{anchor(runs.task, first.key, second.key)}", f"{first.key} × {second.key}", caption, figure, data
    )


# Budget and cost -------------------------------------------------------------------------------------------------


@styled
def budget(runs: Runs, metric: Metric, arms: Factor | None) -> Picture | None:
    """The expected best validation result against how many configurations were tried."""
    figure, (axes,) = canvas(1, 5.4, 3.3)
    ranked, rows = standings(runs, metric), []
    for code, level in enumerate(arms.levels if arms else ["all"]):
        mine = [s for s in ranked if arms is None or arms.column[s.rows[0]] == code]
        values = [s.interval.mean for s in mine]
        if sum(map(math.isfinite, values)) < 2:
            continue
        draws = np.unique(np.geomspace(1, len(values), min(len(values), 40)).round().astype(int))
        best = stats.expected_best(values, draws, metric.lower)
        axes.plot(
            draws,
            best,
            color=color(code),
            marker=marker(code),
            markersize=4,
            label=f"{named(arms.key, level) if arms else 'all'} ({len(values)})",
        )
        rows += [
            {"arm": level, "configurations": int(n), "expected best": value}
            for n, value in zip(draws, best, strict=True)
        ]
    if not rows:
        return None
    log_if_wide(axes, [row["expected best"] for row in rows])
    if max(row["configurations"] for row in rows) > 8:
        axes.set_xscale("log")
        plain_log(axes.xaxis)
    axes.set(xlabel="configurations tried", ylabel=f"expected best {metric.name}")
    legend(figure, axes, arms.key if arms else None)
    caption = (
        "Expected best of n of the configurations, drawn without replacement (unbiased; cf. Dodge et al. "
        "2019); a configuration is its mean over seeds, one that never finished ranks last. In brackets: "
        "configurations tried."
    )
    return Picture(
        f"budget-{anchor(runs.task)}", "Expected best against the budget", caption, figure, pd.DataFrame(rows)
    )


@styled
def pareto(runs: Runs, metric: Metric, arms: Factor | None) -> Picture | None:
    """The metric against time and parameters, with the front of what nothing beats in both."""
    costs = [("seconds", "seconds (share of the stack)")] if runs.timed_alike else []
    costs += [("parameters", "parameters")]
    figure, panels = canvas(len(costs))
    ranked = [s for s in standings(runs, metric) if s.values]
    rows: list[dict[str, Any]] = []
    for axes, (cost, label) in zip(panels, costs, strict=True):
        column = runs.column(cost)
        points = np.array([[np.nanmean(column[s.rows]), s.interval.mean] for s in ranked]).reshape(-1, 2)
        if len(points) < 2 or not (points[:, 0] > 0).all():
            return None
        arm = np.array([arms.column[s.rows[0]] if arms else 0 for s in ranked])
        for code in np.unique(arm):
            part = points[arm == code]
            axes.scatter(
                part[:, 0],
                part[:, 1],
                s=22,
                marker=marker(int(code)),
                color=color(int(code)),
                alpha=0.75,
                linewidths=0,
                label=named(arms.key, arms.levels[code]) if arms else None,
            )
        front = _front(points, metric)
        log_if_wide(axes, points[:, 1])
        axes.step(points[front, 0], points[front, 1], where="post", color=INK, linewidth=1.2)
        if points[:, 0].max() / points[:, 0].min() > 3:
            axes.set_xscale("log")
            plain_log(axes.xaxis)
        axes.set(xlabel=label, ylabel=metric.name)
        rows += [
            {"setting": runs.describe(s.setting), "cost": cost, "amount": x, metric.name: y, "front": i in front}
            for i, (s, (x, y)) in enumerate(zip(ranked, points, strict=True))
        ]
    if arms:
        legend(figure, panels[0], arms.key)
    caption = "Each dot is a setting's mean over seeds; the line joins those that no other beats in both."
    caption += "" if runs.timed_alike else f" No time: {UNLIKE}."
    title = f"{metric.name} against {' and '.join('time' if cost == 'seconds' else cost for cost, _ in costs)}"
    return Picture(f"pareto-{anchor(runs.task)}", title, caption, figure, pd.DataFrame(rows))


def _front(points: Array, metric: Metric) -> list[int]:
    """Indices of the points that none beats in cost and metric, by rising cost."""
    found, best = [], math.inf
    for index in np.lexsort((points[:, 1] * metric.sign, points[:, 0])):
        if points[index, 1] * metric.sign < best:
            best = points[index, 1] * metric.sign
            found.append(int(index))
    return found


@styled
def shares(runs: Runs, found: Anova, metric: Metric) -> Picture:
    """Variance shares as bars."""
    sources = sorted((source for source in found.sources if source.known), key=lambda source: source.share)
    names = [" × ".join(source.name) or found.rest for source in sources]
    figure, (axes,) = canvas(1, 6.2, 0.9 + 0.27 * len(sources))
    values = [100 * source.share for source in sources]
    axes.barh(
        range(len(sources)), values, color=[COLORS[0] if source.name else MUTED for source in sources], height=0.65
    )
    for y, value in enumerate(values):
        axes.annotate(f"{value:.1f}", (value, y), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    axes.set_yticks(range(len(sources)), names)
    axes.set_xlabel(f"share of the variance of {metric.name} (%)")
    axes.grid(axis="y", visible=False)
    data = pd.DataFrame([{"source": name, "share": source.share} for name, source in zip(names, sources, strict=True)])
    kind = "exact, balanced grid" if found.kind == "exact" else f"type II, {found.coverage:.0%} of the grid covered"
    return Picture(f"variance-{anchor(runs.task)}", "Variance shares", f"Analysis of variance ({kind}).", figure, data)
