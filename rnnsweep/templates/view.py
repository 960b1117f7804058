"""new_view: say in a line what it shows."""

import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import canvas
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """What is drawn, and what the figure's CSV holds: the best and the worst run of each cell. Empty: no figure."""
    frame = of.runs.frame[["cell", of.metric.name]].dropna()
    return frame.groupby("cell")[of.metric.name].agg(["min", "max"]).reset_index()


def title(of: Subject) -> str:
    return "The best and the worst run of each cell"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return f"{of.metric.name} of {len(frame)} cells, over all settings."


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A line from the best run to the worst, for each cell."""
    figure, (axes,) = canvas()
    axes.vlines(frame["cell"], frame["min"].astype(float), frame["max"].astype(float), linewidth=4)
    axes.set_ylabel(of.metric.name)
    return figure
