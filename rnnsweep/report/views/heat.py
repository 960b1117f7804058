"""A heat map of two factors: means over the settings that have every combination, and counts of diverged runs."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnnsweep.report.draw import INK, axis_label, canvas, shortened
from rnnsweep.report.factor import Factor
from rnnsweep.report.numbers import number
from rnnsweep.report.setting_labels import short_name
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """A row for each combination: the mean (NaN if no setting has it) and the number of diverged runs."""
    first, second = _factors(of)
    frame = _runs(of)
    whole = _whole(frame)
    if whole.empty or whole.shape[1] < 3:
        return pd.DataFrame()
    lost = frame.groupby(["a", "b"])["diverged"].sum()
    means = whole.mean()
    return pd.DataFrame(
        [
            {
                first.key: first.levels[a],
                second.key: second.levels[b],
                of.metric.name: means.get((a, b), math.nan),
                "diverged": int(lost.get((a, b), 0)),
            }
            for a in range(len(first.levels))
            for b in range(len(second.levels))
        ]
    )


def title(of: Subject) -> str:
    first, second = _factors(of)
    return f"{first.key} × {second.key}"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    whole = len(_whole(_runs(of)))
    settings = f"the {whole} settings that have every combination shown; the value of a setting is its mean over seeds"
    return f"Mean {of.metric.words} over {'seeds' if whole == 1 else settings}. div.: diverged runs."


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A cell for each combination; darker cells are better."""
    first, second = _factors(of)
    shape = len(first.levels), len(second.levels)
    grid, lost = (frame[name].to_numpy().reshape(shape) for name in (of.metric.name, "diverged"))
    figure, (axes,) = canvas(1, 1.9 + 0.85 * shape[1], 1.3 + 0.5 * shape[0])
    image = axes.imshow(grid, cmap="YlGnBu_r" if of.metric.lower else "YlGnBu", aspect="auto", alpha=0.85)
    figure.colorbar(image, label=axis_label(of.metric.name, of.metric.unit))
    low, high = np.nanmin(grid), np.nanmax(grid)
    for a, b in np.ndindex(shape):
        dark = ((grid[a, b] - low) / (high - low + 1e-12) < 0.4) == of.metric.lower
        _write(axes, (b, a), float(grid[a, b]), int(lost[a, b]), bool(dark))
    axes.set_xticks(range(shape[1]), [shortened(short_name(second.key, level)) for level in second.levels])
    axes.set_yticks(range(shape[0]), [shortened(short_name(first.key, level)) for level in first.levels])
    axes.set(xlabel=second.key, ylabel=first.key)
    axes.grid(visible=False)
    return figure


def _write(axes: Axes, place: tuple[int, int], value: float, lost: int, dark: bool) -> None:
    known = math.isfinite(value)
    shade = "#ffffff" if dark and known else "#111111" if known else INK
    style: Any = {"ha": "center", "va": "center", "fontsize": 8.5, "color": shade}
    axes.annotate(number(value) + (f"\n{lost} div." if lost else ""), place, **style)


def _factors(of: Subject) -> tuple[Factor, Factor]:
    assert of.factor is not None
    assert of.other is not None
    return of.factor, of.other


def _runs(of: Subject) -> pd.DataFrame:
    first, second = _factors(of)
    frame = pd.DataFrame(
        {
            "block": of.runs.settings.blocks(first, *second.keys, *second.derived),
            "a": first.column,
            "b": second.column,
            "value": of.runs.values(of.metric.name),
            "diverged": (of.runs.frame["state"] == "diverged").to_numpy(),
        }
    )
    return frame[(frame["a"] >= 0) & (frame["b"] >= 0)]


def _whole(frame: pd.DataFrame) -> pd.DataFrame:
    """The settings that have a value for every combination that occurs."""
    table = frame.pivot_table(index="block", columns=["a", "b"], values="value", aggfunc="mean")
    return table[[pair for pair in table.columns if table[pair].notna().any()]].dropna()
