"""The expected best result against the number of configurations that are tried."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnsweep.report.draw import canvas, color, in_unit, legend, log_if_wide, marker, plain_log
from rnnsweep.report.expected_best import expected_best
from rnnsweep.report.setting_labels import level_name
from rnnsweep.report.setting_ranks import means, ranked_entries
from rnnsweep.report.subject import Subject

MOST = 40  # most points of one line


def data(of: Subject) -> pd.DataFrame:
    """A row for each arm and number of configurations. Arms with fewer than two finished ones are left out."""
    rows = []
    for level, values in _tried(of).items():
        draws = np.unique(np.geomspace(1, len(values), min(len(values), MOST)).round().astype(int))
        best = expected_best(values, draws, of.metric.lower)
        rows += [
            {"arm": level, "configurations": int(n), "expected best": value}
            for n, value in zip(draws, best, strict=True)
        ]
    return pd.DataFrame(rows)


def _tried(of: Subject) -> dict[str, list[float]]:
    """The means of each arm's configurations, for arms with two finished ones or more."""
    arms, ranked = of.arms, ranked_entries(of.runs, of.metric)
    found = {}
    for code, level in enumerate(arms.levels if arms else ["all"]):
        mine = [s for s in ranked if of.runs.tried[s.rows[0]]]
        values = means([s for s in mine if arms is None or arms.column[s.rows[0]] == code])
        if sum(map(math.isfinite, values)) >= 2:
            found[level] = values
    return found


def title(of: Subject) -> str:
    return "Expected best against the budget"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return (
        "The expected best of n configurations, drawn without replacement (unbiased; cf. Dodge et al. 2019). The value "
        "of a configuration is its mean over seeds; a configuration of which too few seeds finished ranks last. In "
        "brackets: the number of configurations tried."
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A line for each arm."""
    figure, (axes,) = canvas(1, 5.4, 3.3)
    codes = {level: code for code, level in enumerate(of.arms.levels if of.arms else ["all"])}
    for level, part in frame.groupby("arm", sort=False):
        code, tried = codes[str(level)], part["configurations"].max()
        label = f"{level_name(of.arms.key, str(level)) if of.arms else 'all'} ({tried})"
        style: Any = {"color": color(code), "marker": marker(code), "markersize": 4, "label": label}
        axes.plot(part["configurations"], part["expected best"], **style)
    log_if_wide(axes, frame["expected best"])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if frame["configurations"].max() > 8:
        axes.set_xscale("log")
        plain_log(axes.xaxis)
    axes.set(xlabel="configurations tried", ylabel=f"expected best {of.metric.words}{in_unit(of.metric.unit)}")
    legend(figure, axes, of.arms.key if of.arms else None)
    return figure
