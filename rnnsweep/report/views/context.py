"""The loss on the same final tokens against the length of the context, and the loss by position."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import canvas, color, legend, marker, plain_log
from rnnsweep.report.subject import Subject
from rnnsweep.report.summaries import read_summary

ITEMS = {"by_context": "length", "by_position": "to"}


def data(of: Subject) -> pd.DataFrame:
    """A row for each level, panel and place: the mean loss over the seeds of the level's best setting."""
    rows: list[dict[str, Any]] = []
    for level, entry in of.best():
        shown = [read_summary(of.runs.frame["path"].iloc[row]).get("context", {}) for row in entry.rows]
        for view, key in ITEMS.items():
            points = [{"at": point[key], "loss": point["loss"]} for each in shown for point in each.get(view, [])]
            if points:
                means = pd.DataFrame(points).groupby("at")["loss"].agg(["mean", "count"])
                rows += [
                    {"level": level, "view": view, "at": at, "loss": r["mean"], "n": int(r["count"])}
                    for at, r in means.iterrows()
                ]
    return pd.DataFrame(rows)


def title(of: Subject) -> str:
    return "How far context reaches"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    assert of.factor is not None
    return (
        f"For each level of {of.factor.key}: the setting that is best {of.metric.where}, as the mean over its seeds. "
        "Left: all points predict the same tokens. Right: averages between powers of two. Where a line is flat, more "
        "context does not help."
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """The loss by context on the left, by position on the right."""
    figure, (left, right) = canvas(2)
    for index, (level, _) in enumerate(of.best()):
        for axes, view in ((left, "by_context"), (right, "by_position")):
            part = frame[(frame["level"] == level) & (frame["view"] == view)]
            if len(part):
                style: Any = {"color": color(index), "marker": marker(index), "markersize": 4, "label": of.label(level)}
                axes.plot(part["at"], part["loss"], **style)
    left.set(xscale="log", xlabel="symbols read before", ylabel="loss on the same final tokens (nats)")
    right.set(xscale="log", xlabel="position after the initial state", ylabel="loss (nats)")
    for axes in (left, right):
        plain_log(axes.xaxis)
    legend(figure, left)
    return figure
