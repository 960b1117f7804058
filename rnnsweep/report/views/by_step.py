"""The mean squared error on the test part at each step ahead: of the model, and of simple forecasts."""

import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import COLORS, MUTED, canvas, legend
from rnnsweep.report.subject import Subject

STYLES = (":", "-.", "--")


def data(of: Subject) -> pd.DataFrame:
    """A row for each step of the horizon; empty if there is only one step."""
    return of.listed("by_step")


def title(of: Subject) -> str:
    return "Error by step ahead"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return f"Mean over all test origins, of scaled numbers, from the selected setting's best seed ({of.run})."


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A line for the model, and thinner lines for the simple forecasts."""
    figure, (axes,) = canvas(1, 5.2, 3.0)
    simple = [name for name in frame if name not in ("step", "model")]
    for index, name in enumerate(simple):
        label = str(name).replace("_", " ")
        axes.plot(frame["step"], frame[name], color=MUTED, linestyle=STYLES[index % 3], linewidth=1.2, label=label)
    axes.plot(frame["step"], frame["model"], color=COLORS[0], linewidth=2, label="model")
    axes.set(xlabel="steps ahead", ylabel="mean squared error")
    axes.set_ylim(bottom=0)
    legend(figure, axes)
    return figure
