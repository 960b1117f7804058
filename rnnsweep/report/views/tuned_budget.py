"""What an arm reaches on the test part against how many of its configurations are tried; validation chooses."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rnnsweep.report import stats
from rnnsweep.report.arms import TunedArm
from rnnsweep.report.draw import axis_label, canvas, color, legend, log_if_wide, marker, plain_log
from rnnsweep.report.subject import ARMS, Subject
from rnnsweep.report.tuned_comparison import TunedComparison

MOST = 40  # points of one line
ORDERS = 2000  # random orders of the configurations, from which the band is


def data(of: Subject) -> pd.DataFrame:
    """`arm configurations expected low high`, the best arm on validation first; none of an arm that is one point."""
    if of.tuned is None:
        return pd.DataFrame()
    return pd.DataFrame([row for arm in of.tuned.tuning.ranked[:ARMS] for row in _line(of.tuned, arm)])


def _line(tuned: TunedComparison, arm: TunedArm) -> list[dict[str, Any]]:
    """The mean over the conditions of what n configurations of each are expected to reach."""
    conditions = [_values(tuned, runs) for runs in tuned.tuning.configurations(arm)]
    most, lower = min(len(judged) for judged, _ in conditions), tuned.tuning.metric.lower
    first = 1 + max(int((~np.isfinite(judged)).sum()) for judged, _ in conditions)  # then each draw holds a value
    if most <= first:
        return []
    draws = np.unique(np.geomspace(first, most, min(most, MOST)).round().astype(int))
    expected = np.mean([stats.expected_choice(judged, test, draws, lower) for judged, test in conditions], 0)
    reached = np.mean([orders(judged, test, lower)[:, :most] for judged, test in conditions], 0)
    low, high = np.quantile(reached[:, draws - 1], [0.1, 0.9], axis=0)
    columns = zip(draws, expected, low, high, strict=True)
    return [{"arm": arm.name, "configurations": int(n), "expected": e, "low": a, "high": b} for n, e, a, b in columns]


def _values(tuned: TunedComparison, settings: list[list[int]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Of each setting what it is judged by and what is reported of it: means over the same seeds."""
    judged, reported = tuned.tuning.values, tuned.runs.values(tuned.metric.name)
    means = [[float(each[rows].mean()) if rows else np.nan for rows in settings] for each in (judged, reported)]
    return np.array(means[0]), np.array(means[1])


def orders(judged: NDArray[Any], values: NDArray[Any], lower: bool) -> NDArray[Any]:
    """(order, n): the value of the best of the first n configurations, in random orders that are always the same."""
    count = len(judged)
    rows = int(np.clip(2e6 / count, 100, ORDERS))
    order = np.random.default_rng(0).permuted(np.tile(np.arange(count), (rows, 1)), axis=1)
    ranks = np.where(np.isfinite(judged), judged if lower else -judged, np.inf)[order]
    is_best = ranks == np.minimum.accumulate(ranks, 1)
    place = np.maximum.accumulate(np.where(is_best, np.arange(count), 0), 1)
    return np.take_along_axis(values[order], place, 1)


def title(of: Subject) -> str:
    assert of.tuned is not None
    return f"Expected {of.tuned.metric.name} against the tuning budget"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    assert of.tuned is not None
    chosen, shown = of.tuned.tuning.metric.name, of.tuned.metric.name
    return (
        f"Of n configurations of an arm, drawn without replacement, the best by {chosen} is taken: lines are the "
        f"expected {shown} of it (Dodge et al. 2019), bands hold eight of ten draws, and are no intervals of the mean. "
        "A line begins where every draw holds a configuration that finished. In brackets: configurations tried."
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A line with a band for each arm, legible at the width of a paper's column."""
    assert of.tuned is not None
    figure, (axes,) = canvas(1, 3.4, 2.7)
    codes = {arm.name: code for code, arm in enumerate(of.tuned.tuning.arms)}
    for name, part in frame.groupby("arm", sort=False):
        code, n = codes[str(name)], part["configurations"]
        style: Any = {"color": color(code), "marker": marker(code), "markersize": 4, "label": f"{name} ({n.max()})"}
        axes.plot(n, part["expected"], **style)
        axes.fill_between(n, part["low"], part["high"], color=color(code), alpha=0.15, linewidth=0)
    log_if_wide(axes, frame["expected"])
    if frame["configurations"].max() > 8:
        axes.set_xscale("log")
        plain_log(axes.xaxis)
    axes.set_xlabel("configurations tried")
    axes.set_ylabel(axis_label(of.tuned.metric.name, of.tuned.metric.unit))
    legend(figure, axes, None)
    return figure
