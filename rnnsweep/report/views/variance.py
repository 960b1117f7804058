"""The shares of the variance as bars."""

import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import COLORS, MUTED, canvas
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """A row for each source of variance whose share is known, the smallest first."""
    assert of.anova is not None
    sources = sorted((source for source in of.anova.sources if source.known), key=lambda source: source.share)
    return pd.DataFrame(
        [{"source": " × ".join(source.name) or of.anova.rest, "share": source.share} for source in sources]
    )


def title(of: Subject) -> str:
    return "Variance shares"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    assert of.anova is not None
    exact, covered = of.anova.kind == "exact", f"type II, {of.anova.coverage:.0%} of the grid covered"
    return f"Analysis of variance ({'exact, balanced grid' if exact else covered})."


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A bar for each source; the residual is grey."""
    assert of.anova is not None
    figure, (axes,) = canvas(1, 6.2, 0.9 + 0.27 * len(frame))
    shades = [MUTED if source == of.anova.rest else COLORS[0] for source in frame["source"]]
    axes.barh(range(len(frame)), 100 * frame["share"], color=shades, height=0.65)
    for y, value in enumerate(100 * frame["share"]):
        axes.annotate(f"{value:.1f}", (value, y), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    axes.set_yticks(range(len(frame)), list(frame["source"]))
    axes.set_xlabel(f"share of the variance of {of.metric.words} (%)")
    axes.grid(axis="y", visible=False)
    return figure
