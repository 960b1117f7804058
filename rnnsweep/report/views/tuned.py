"""The tuned arms at their best settings: a dot for each seed, with lines that join dots of one seed."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report import stats
from rnnsweep.report.arm_tables import seeds_of
from rnnsweep.report.draw import GRID, INK, axis_label, canvas, color, cut, log_if_wide, marker, shortened
from rnnsweep.report.subject import Subject

LARGEST = 12
"""The most arms of one figure."""
WIDEST = 28
"""The most characters of all names in a row below the axis, each as long as the longest."""


def data(of: Subject) -> pd.DataFrame:
    """`arm seed value fresh`: a row for each arm and seed, with the mean over conditions; the best arm comes first."""
    tuned = of.tuned
    if tuned is None or len(tuned.tuning.ranked) > LARGEST:
        return pd.DataFrame()
    rows = [
        {"arm": arm.name, "seed": int(seed), "value": value, "fresh": any(c.fresh for c in arm.choices.values())}
        for arm in tuned.tuning.ranked
        for seed, value in sorted(seeds_of(tuned, arm).items())
    ]
    return pd.DataFrame(rows)


def title(of: Subject) -> str:
    assert of.tuned is not None
    return f"{of.tuned.metric.words} of the tuned arms"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    n = frame.groupby("arm")["seed"].nunique()
    counts = f"{n.min()} seed{'s' if n.max() > 1 else ''}" if n.min() == n.max() else f"{n.min()} to {n.max()} seeds"
    chosen = "those that chose the settings (exploratory)"
    if frame["fresh"].any():
        chosen = "fresh" if frame["fresh"].all() else "fresh for some arms only (exploratory)"
    return (
        f"Dots: each arm at its best setting, {counts}. Grey lines join dots of one seed. Beside the dots: their "
        f"mean with its 95% t interval over seeds from three seeds on. The seeds are {chosen}."
        f"{cut(frame['value'], _ends(frame))}"
    )


def _ends(frame: pd.DataFrame) -> list[float]:
    """The ends of the arms' intervals; NaN for an arm without one."""
    intervals = [stats.t_interval(part.dropna().to_numpy()) for _, part in frame.groupby("arm")["value"]]
    return [end for interval in intervals for end in (interval.low, interval.high)]


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A column of dots for each arm. The figure is readable at the width of a paper's column."""
    assert of.tuned is not None
    names = list(dict.fromkeys(frame["arm"]))
    figure, (axes,) = canvas(1, 3.4, 2.7)
    table = frame.pivot_table(index="seed", columns="arm", values="value")[names]
    for _, row in table.iterrows():
        axes.plot(range(len(names)), row.to_numpy(), color=GRID, linewidth=1, zorder=1)
    codes = {arm.name: code for code, arm in enumerate(of.tuned.tuning.arms)}
    for place, name in enumerate(names):
        values = table[name].dropna().to_numpy()
        style: Any = {"color": color(codes[name]), "marker": marker(codes[name]), "linewidths": 0, "zorder": 3}
        axes.scatter(np.full(len(values), place), values, s=22, **style)
        interval = stats.t_interval(values)
        if interval.known:
            axes.plot([place + 0.22] * 2, [interval.low, interval.high], color=INK, linewidth=1.4, zorder=2)
        axes.scatter([place + 0.22], [interval.mean], s=16, color=INK, marker="_", zorder=4)
    turned = len(names) * max(map(len, names)) > WIDEST
    axes.set_xticks(
        range(len(names)),
        [shortened(n) for n in names],
        rotation=30 if turned else 0,
        ha="right" if turned else "center",
    )
    axes.set_xlim(-0.5, len(names) - 0.3)
    axes.set_ylabel(axis_label(of.tuned.metric.name, of.tuned.metric.unit))
    axes.grid(axis="x", visible=False)
    log_if_wide(axes, frame["value"], _ends(frame))
    return figure
