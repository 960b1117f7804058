"""Series of numbers that a record has under any name, such as a prediction and its target."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import COLORS, GRID, canvas, legend
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """A column for each series; empty if the item is not a set of series."""
    series = of.summary.get(of.name)
    if not isinstance(series, dict) or len(series) < 2 or not all(map(_numbers, series.values())):
        return pd.DataFrame()
    return pd.DataFrame({label: pd.Series(list(values)) for label, values in series.items()})


def _numbers(values: Any) -> bool:
    return isinstance(values, list) and len(values) > 1 and all(isinstance(value, int | float) for value in values)


def title(of: Subject) -> str:
    return of.name.capitalize()


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return "The series in the record of the selected setting's best seed."


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """All series in one panel; the first is broad and pale."""
    figure, (axes,) = canvas(1, 6.2, 2.8)
    for index, label in enumerate(frame):
        shade, width = (COLORS[index % len(COLORS)], 1.3) if index else (GRID, 3)
        axes.plot(frame[label].dropna().to_numpy(), color=shade, linewidth=width, label=label)
    axes.set(xlabel="step")
    legend(figure, axes)
    return figure
