"""What models that answer with numbers learned: the loss on the way beside answers before and after; forecasts."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rnnsweep.record import Json
from rnnsweep.report.draw import COLORS, GRID, INK, MUTED, Picture, canvas, color, legend, panels_of, plain_log
from rnnsweep.report.figures import styled
from rnnsweep.report.leaderboard import Standing, standings
from rnnsweep.report.runs import Factor, Metric, Runs
from rnnsweep.report.sentences import named
from rnnsweep.report.shown import showcase
from rnnsweep.report.tables import anchor
from rnnsweep.report.traces import best_of_levels, rows_of

SHOWN = 4  # models whose answers stand side by side
POINTS = 100  # of a forecast: more of them are a band
STYLES = ("-", "--", "-.", ":")  # so that of two equal lines both are seen


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one model said, before it was trained where that is known and after."""

    truth: Sequence[float]
    before: Sequence[float]
    after: Sequence[float]
    forecast: bool
    """Whether they are steps of one series; else examples, each by itself."""

    @classmethod
    def of(cls, shown: Json) -> "Answers | None":
        """From what a record holds; None where there is neither."""
        if "predictions" in shown:
            found = shown["predictions"]
            return cls(found["truth"], found.get("before", []), found["answer"], False)
        if "forecast" in shown:
            found, way = shown["forecast"], list(shown.get("forecasts", {}).values())
            return cls(found["truth"], way[1] if len(way) > 1 else [], found["free"], True)
        return None

    def draw(self, axes: Axes, shade: str) -> None:
        if self.forecast:
            axes.plot(self.truth[:POINTS], color=GRID, linewidth=4, label="truth")
            axes.plot(self.before[:POINTS], color=MUTED, linewidth=1, linestyle=":", label="before training")
            axes.plot(self.after[:POINTS], color=shade, linewidth=1.3, label="after")
            axes.set(xlabel="step beyond the last window", ylabel="value")
            return
        ends = min(self.truth), max(self.truth)
        axes.plot(ends, ends, color=MUTED, linewidth=0.8)
        if self.before:
            axes.plot(self.truth, self.before, ".", color=MUTED, markersize=3, alpha=0.6, label="before training")
        axes.plot(self.truth, self.after, ".", color=shade, markersize=4, alpha=0.7, label="after")
        axes.set(xlabel="truth", ylabel="answer")

    def frame(self) -> pd.DataFrame:
        series = {"truth": self.truth, "before": self.before, "after": self.after}
        return pd.DataFrame({name: pd.Series(list(values), dtype=float) for name, values in series.items()})


def _best_seed(runs: Runs, standing: Standing, metric: Metric) -> int:
    values = runs.values(metric.name)[standing.rows] * metric.sign
    return int(standing.rows[int(np.nanargmin(values))])


@styled
def fit(runs: Runs, factor: Factor | None, metric: Metric) -> Picture | None:
    """The loss over the steps, and beside it the answers of each level's best setting: all in one figure."""
    ranked = standings(runs, metric)
    arms = best_of_levels(runs, factor, metric) if factor else [("the selected setting", s) for s in ranked[:1]]
    found = [(level, standing, _answers(runs, standing, metric)) for level, standing in arms if standing.values]
    shown = [(level, standing, answers) for level, standing, answers in found if answers][:SHOWN]
    if not shown:
        return None
    figure, (left, *rights) = canvas(1 + len(shown), 3.5 if len(shown) > 1 else 4.3)
    tables = [_losses(left, runs, shown, factor)]
    for index, ((level, _, answers), axes) in enumerate(zip(shown, rights, strict=True)):
        answers.draw(axes, color(index))
        axes.set_title(named(factor.key, level) if factor else "")
        tables.append(answers.frame().assign(level=level))
    legend(figure, rights[0])
    caption = (
        f"For each level of {factor.key} the setting that is best {metric.where}. "
        if factor
        else "The selected setting. "
    )
    caption += (
        "Left: the loss of its seeds, thin, and their geometric mean, thick"
        f"{'' if factor else '; dashed: on the training batches'}. Beside it: what its best seed says "
    )
    caption += (
        "of the horizon, free-running." if shown[0][2].forecast else "of test examples; right answers lie on the line."
    )
    name = f"fit-{anchor(runs.task, factor.key)}" if factor else f"fit-{anchor(runs.task)}"
    return Picture(name, "Loss curves and answers", caption, figure, pd.concat(tables))


def _answers(runs: Runs, standing: Standing, metric: Metric) -> Answers | None:
    row = _best_seed(runs, standing, metric)
    keys = runs.frame["showcase"].iloc[row] if "showcase" in runs.frame else ()
    if not {"predictions", "forecast"} & set(keys or ()):
        return None
    return Answers.of(showcase(runs.frame["path"].iloc[row]))


def _losses(
    axes: Axes, runs: Runs, shown: Sequence[tuple[str, Standing, Answers]], factor: Factor | None
) -> pd.DataFrame:
    tables = []
    for index, (level, standing, _) in enumerate(shown):
        for split in ("val",) if factor else ("train", "val"):
            rows = rows_of(runs, standing.rows, split, "loss")
            rows = rows[rows["value"] > 0]
            if rows.empty:
                continue
            shade, style = (color(index), STYLES[index]) if split == "val" else (MUTED, "--")
            for _, one in rows.groupby("row"):
                axes.plot(one["step"], one["value"], color=shade, linewidth=0.6, alpha=0.4, linestyle=style)
            mean = np.exp(np.log(rows["value"]).groupby(rows["step"]).mean())
            label = named(factor.key, level) if factor else {"val": "validation", "train": "training"}[split]
            axes.plot(mean.index, mean, color=shade, linewidth=2, linestyle=style, label=label)
            tables.append(rows.assign(level=level, split=split))
    axes.set(xlabel="step", ylabel="loss")
    if not tables:
        return pd.DataFrame()
    axes.set_yscale("log")
    plain_log(axes.yaxis)
    axes.legend()
    return pd.concat(tables)


@styled
def forecasts(runs: Runs, row: int, series: dict[str, Sequence[float]]) -> Picture:
    """A panel for each free-running forecast that was made on the way, over the truth."""
    (_, truth), *rest = series.items()
    figure, panels = panels_of(len(rest), min(4, math.ceil(len(rest) ** 0.5)), 2.6, 1.7)
    low, high = min(truth), max(truth)
    for (name, values), axes in zip(rest, panels, strict=True):
        axes.plot(truth, color=GRID, linewidth=3)
        axes.plot(values, color=COLORS[0], linewidth=1.2)
        axes.set_title(name, fontsize=7.5, color=INK)
        axes.set_ylim(low - 0.3 * (high - low), high + 0.3 * (high - low))
    return Picture(
        f"forecasts-{anchor(runs.task)}",
        "Forecasts on the way",
        "Free-running, of the selected setting's best seed at some of its validations, over the truth "
        f"({runs.frame['run'].iloc[row]}).",
        figure,
        pd.DataFrame({name: pd.Series(list(values)) for name, values in series.items()}),
    )
