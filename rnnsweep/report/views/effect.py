"""The matched differences from the baseline: a dot for each setting or seed, and their mean with its interval."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import COLORS, GRID, INK, MUTED, canvas, in_unit, shortened
from rnnsweep.report.setting_labels import short_name
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """A row for each level that has a pair with the baseline."""
    return pd.DataFrame(
        [
            {
                "level": effect.level,
                "baseline": effect.baseline,
                "mean": effect.interval.mean,
                "low": effect.interval.low,
                "high": effect.interval.high,
                "n": len(effect.values),
                "unit": effect.unit,
            }
            for effect in of.effects
            if effect.values
        ]
    )


def title(of: Subject) -> str:
    assert of.factor is not None
    return f"Matched differences: {of.factor.key}"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    units = sorted(set(frame["unit"]))
    dots = " or ".join("a seed, as its mean over the settings" if unit == "seed" else f"a {unit}" for unit in units)
    return (
        f"A small dot: the difference of {dots}. Large dots: their mean, with its 95% t interval from three dots on. "
        f"Shaded: differences below the margin of {of.margin:g}. Pairs with a diverged run have no difference; the "
        "table counts them."
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A row for each level; the margin is shaded."""
    figure, (axes,) = canvas(1, 6.2, 1.1 + 0.42 * len(frame))
    axes.axvspan(-of.margin, of.margin, color=GRID, alpha=0.6, linewidth=0)
    axes.axvline(0, color=MUTED, linewidth=1)
    dots = {effect.level: np.array(effect.values) for effect in of.effects}
    for y, row in enumerate(frame.itertuples(index=False)):
        values = dots[row.level]
        alpha = max(0.15, min(0.6, 20 / len(values)))
        axes.scatter(values, np.full(len(values), y - 0.18), s=9, color=COLORS[0], alpha=alpha, linewidths=0)
        if np.isfinite(row.low):
            axes.plot([row.low, row.high], [y, y], color=INK, linewidth=2)
        axes.scatter([row.mean], [y], s=34, color=INK, zorder=4)
    assert of.factor is not None
    key = of.factor.key
    axes.set_yticks(range(len(frame)), [shortened(short_name(key, level)) for level in frame["level"]])
    axes.set_ylim(len(frame) - 0.5, -0.6)
    better = "left" if of.metric.lower else "right"
    named = f"Δ {of.metric.words} to {short_name(key, frame['baseline'].iloc[0])}{in_unit(of.metric.unit)}"
    axes.set_xlabel(f"{named}: {better} is better")
    axes.grid(axis="y", visible=False)
    return figure
