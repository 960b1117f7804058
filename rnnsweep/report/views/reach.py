"""How far back gradients reach, and the loss with a shortened context."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import canvas, color, legend, plain_log
from rnnsweep.report.recorded_diagnostics import diagnosed
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """A row for each level, panel, and lag or length: the mean over the seeds of the level's best setting."""
    rows: list[dict[str, Any]] = []
    for level, views in diagnosed(of):
        lags = [pd.Series(each["gradient_by_lag"]) for each in views if "gradient_by_lag" in each]
        cuts = [
            pd.DataFrame(each["loss_by_context"]).set_index("length")["loss"]
            for each in views
            if "loss_by_context" in each
        ]
        for view, series in (("gradient_by_lag", lags), ("loss_by_context", cuts)):
            if series:
                means = pd.concat(series, axis=1).mean(axis=1)
                means = means[means > 0] if view == "gradient_by_lag" else means
                rows += [
                    {"level": level, "view": view, "at": at, "value": v, "n": len(series)} for at, v in means.items()
                ]
    return pd.DataFrame(rows)


def title(of: Subject) -> str:
    return "How far the past reaches"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    assert of.factor is not None
    return (
        f"For each level of {of.factor.key}: the setting that is best {of.metric.where}, as the mean over its seeds. "
        "Left: the norm of the gradient of the loss through the last output, at earlier inputs, divided by the norm at "
        "the last input. Right: the loss if each output is computed from only this many inputs."
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """Gradients on the left, the loss on the right."""
    figure, (left, right) = canvas(2)
    for index, (level, _) in enumerate(diagnosed(of)):
        for axes, view in ((left, "gradient_by_lag"), (right, "loss_by_context")):
            part = frame[(frame["level"] == level) & (frame["view"] == view)]
            if len(part):
                axes.plot(part["at"], part["value"], color=color(index), label=of.label(level))
    left.set(yscale="log", xlabel="steps before the last", ylabel="gradient at the input (lag 0 = 1)")
    right.set(xscale="log", xlabel="inputs that an output is computed from", ylabel="validation loss")
    for axis in (left.yaxis, right.xaxis):
        plain_log(axis)
    legend(figure, left)
    return figure
