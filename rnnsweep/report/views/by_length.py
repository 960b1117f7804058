"""The accuracy of the selected model on sequences of each length."""

import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import COLORS, canvas, legend
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """A row for each length; empty if there is only one length."""
    return of.listed("by_length")


def title(of: Subject) -> str:
    return "By length"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return f"Accuracy on test sequences of each length, from the selected setting's best seed ({of.run})."


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A line for each kind of accuracy; equal lines are drawn once."""
    figure, (axes,) = canvas(1, 4.2, 2.6)
    told = frame[[column for column in ("exact", "accuracy", "last") if column in frame]].T.drop_duplicates().index
    for index, name in enumerate(told):
        axes.plot(frame["length"], frame[name], marker="o", markersize=4, color=COLORS[index], label=name)
    axes.set(xlabel="length", ylabel="share correct", ylim=(-0.03, 1.03))
    legend(figure, axes)
    return figure
