"""The free-running forecasts that a run made during training, each in a panel with the truth."""

import math

import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import COLORS, GRID, INK, panels_of
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """A column for the truth, and one for each forecast; empty if there is only one forecast."""
    found = of.summary.get("forecasts", {})
    if len(found) < 3:
        return pd.DataFrame()
    return pd.DataFrame({name: pd.Series(list(values)) for name, values in found.items()})


def title(of: Subject) -> str:
    return "Forecasts during training"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return (
        f"Free-running forecasts at some of the validations, from the selected setting's best seed ({of.run}). Grey: "
        "the truth."
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """Panels with shared axes."""
    truth, *names = frame.columns
    figure, panels = panels_of(len(names), min(4, math.ceil(len(names) ** 0.5)), 2.6, 1.7)
    known = frame[truth].dropna()
    low, high = known.min(), known.max()
    for name, axes in zip(names, panels, strict=True):
        axes.plot(known.to_numpy(), color=GRID, linewidth=3)
        axes.plot(frame[name].dropna().to_numpy(), color=COLORS[0], linewidth=1.2)
        axes.set_title(name, fontsize=7.5, color=INK)
        axes.set_ylim(low - 0.3 * (high - low), high + 0.3 * (high - low))
    return figure
