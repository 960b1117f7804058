"""The loss over the steps, and beside it the answers of each level's best setting: numbers, or a forecast."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnnsweep.record import Json
from rnnsweep.report.draw import GRID, MUTED, canvas, color, legend, plain_log
from rnnsweep.report.setting_ranks import LeaderboardEntry, ranked_entries
from rnnsweep.report.subject import Subject
from rnnsweep.report.summaries import read_summary

SHOWN = 4  # most models side by side
POINTS = 100  # most points of a forecast
STYLES = ("-", "--", "-.", ":")  # so that both of two equal lines are visible


@dataclasses.dataclass(frozen=True)
class ModelOutputs:
    """The answers of one model after training, and before training if the record has them."""

    truth: Sequence[float]
    before: Sequence[float]
    after: Sequence[float]
    forecast: bool
    """Whether the answers are the steps of one series; else they are separate examples."""

    @classmethod
    def of(cls, shown: Json) -> "ModelOutputs | None":
        """The answers in a run's summary; None if it has neither predictions nor a forecast."""
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


def data(of: Subject) -> pd.DataFrame:
    """The losses of each model's seeds (`row step value level split`), followed by the answers of its best seed."""
    models, tables = _models(of), []
    for level, entry, _ in models:
        for split in _splits(of):
            rows = of.rows(entry.rows, split, "loss")
            tables.append(rows[rows["value"] > 0].assign(level=level, split=split))
    answers = [answers.frame().assign(level=level) for level, _, answers in models]
    return pd.concat([table for table in tables if len(table)] + answers) if models else pd.DataFrame()


def title(of: Subject) -> str:
    return "Loss curves and answers"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    key = of.factor.key if of.factor else ""
    (_, _, first), *_ = _models(of)
    return (
        (f"For each level of {key}: the setting that is best {of.metric.where}. " if key else "The selected setting. ")
        + "Left: the loss of its seeds (thin) and their geometric mean (thick)"
        + ("" if key else "; dashed: on the training batches")
        + ". Beside it: the answers of its best seed "
        + ("over the horizon, free-running." if first.forecast else "to test examples; right answers lie on the line.")
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """The losses on the left, and a panel for each model beside them."""
    models = _models(of)
    figure, (left, *rights) = canvas(1 + len(models), 3.5 if len(models) > 1 else 4.3)
    losses = frame[frame["split"].notna()] if "split" in frame else frame.iloc[:0].assign(split="")
    _losses(left, losses, [level for level, _, _ in models], of)
    for index, ((level, _, answers), axes) in enumerate(zip(models, rights, strict=True)):
        answers.draw(axes, color(index))
        axes.set_title(of.label(level) if of.factor else "")
    legend(figure, rights[0])
    return figure


def _splits(of: Subject) -> tuple[str, ...]:
    return ("val",) if of.factor else ("train", "val")


def _models(of: Subject) -> list[tuple[str, LeaderboardEntry, ModelOutputs]]:
    """The best setting of each level, or the selected one, with its answers; without those that have no answers."""
    arms = of.best() if of.factor else [("the selected setting", s) for s in ranked_entries(of.runs, of.metric)[:1]]
    found = [(level, entry, _answers(of, entry)) for level, entry in arms if entry.values]
    return [(level, entry, answers) for level, entry, answers in found if answers][:SHOWN]


def _answers(of: Subject, entry: LeaderboardEntry) -> ModelOutputs | None:
    values = of.runs.values(of.metric.name)[entry.rows] * of.metric.sign
    row = int(entry.rows[int(np.nanargmin(values))])
    keys = of.runs.frame["summary"].iloc[row] if "summary" in of.runs.frame else ()
    if not {"predictions", "forecast"} & set(keys or ()):
        return None
    return ModelOutputs.of(read_summary(of.runs.frame["path"].iloc[row]))


def _losses(axes: Axes, losses: pd.DataFrame, levels: list[str], of: Subject) -> None:
    axes.set(xlabel="step", ylabel="loss")
    for index, level in enumerate(levels):
        for split in _splits(of):
            rows = losses[(losses["level"] == level) & (losses["split"] == split)]
            if rows.empty:
                continue
            shade, style = (color(index), STYLES[index]) if split == "val" else (MUTED, "--")
            for _, one in rows.groupby("row"):
                axes.plot(one["step"], one["value"], color=shade, linewidth=0.6, alpha=0.4, linestyle=style)
            mean = np.exp(np.log(rows["value"]).groupby(rows["step"]).mean())
            label = of.label(level) if of.factor else {"val": "validation", "train": "training"}[split]
            axes.plot(mean.index, mean, color=shade, linewidth=2, linestyle=style, label=label)
    if len(losses):
        axes.set_yscale("log")
        plain_log(axes.yaxis)
        axes.legend()
