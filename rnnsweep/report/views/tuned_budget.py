"""The expected test result of an arm against the number of configurations that are tried; validation chooses."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from rnnsweep.report.draw import axis_label, canvas, color, cut, legend, log_if_wide, marker, plain_log
from rnnsweep.report.expected_best import expected_choice
from rnnsweep.report.subject import ARMS, Subject
from rnnsweep.report.tuned_arm import TunedArm
from rnnsweep.report.tuned_comparison import TunedComparison

MOST = 40  # most points of one line
ORDERS = 2000  # most random orders of the configurations, from which the band is computed


def data(of: Subject) -> pd.DataFrame:
    """`arm configurations expected low high`: a row for each arm and number; no rows for an arm with one point only."""
    if of.tuned is None:
        return pd.DataFrame()
    return pd.DataFrame([row for arm in of.tuned.tuning.ranked[:ARMS] for row in _line(of.tuned, arm)])


def _line(tuned: TunedComparison, arm: TunedArm) -> list[dict[str, Any]]:
    """The rows of one arm: the expected result of n configurations, as the mean over the conditions."""
    conditions = [_values(tuned, runs) for runs in tuned.tuning.configurations(arm)]
    most, lower = min(len(judged) for judged, _ in conditions), tuned.tuning.metric.lower
    first = 1 + max(
        int((~np.isfinite(judged)).sum()) for judged, _ in conditions
    )  # from here on, each draw contains a value
    if most <= first:
        return []
    draws = np.unique(np.geomspace(first, most, min(most, MOST)).round().astype(int))
    expected = np.mean([expected_choice(judged, test, draws, lower) for judged, test in conditions], 0)
    reached = np.mean([orders(judged, test, lower)[:, :most] for judged, test in conditions], 0)
    low, high = np.quantile(reached[:, draws - 1], [0.1, 0.9], axis=0)
    columns = zip(draws, expected, low, high, strict=True)
    return [{"arm": arm.name, "configurations": int(n), "expected": e, "low": a, "high": b} for n, e, a, b in columns]


def _values(tuned: TunedComparison, settings: list[list[int]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The validation value and the test value of each setting, as means over the same seeds."""
    judged, reported = tuned.tuning.values, tuned.runs.values(tuned.metric.name)
    means = [[float(each[rows].mean()) if rows else np.nan for rows in settings] for each in (judged, reported)]
    return np.array(means[0]), np.array(means[1])


def orders(judged: NDArray[Any], values: NDArray[Any], lower: bool) -> NDArray[Any]:
    """The value of the best of the first n configurations in random orders, which are the same each time.

    Args:
        judged: The value that chooses, of shape (configurations,).
        values: The value that is reported, of shape (configurations,).
        lower: Whether a lower value of `judged` is better.

    Returns:
        An array of shape (orders, configurations).
    """
    count = len(judged)
    rows = int(np.clip(2e6 / count, 100, ORDERS))
    order = np.random.default_rng(0).permuted(np.tile(np.arange(count), (rows, 1)), axis=1)
    ranks = np.where(np.isfinite(judged), judged if lower else -judged, np.inf)[order]
    is_best = ranks == np.minimum.accumulate(ranks, 1)
    place = np.maximum.accumulate(np.where(is_best, np.arange(count), 0), 1)
    return np.take_along_axis(values[order], place, 1)


def title(of: Subject) -> str:
    assert of.tuned is not None
    return f"Expected {of.tuned.metric.words} against the tuning budget"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    assert of.tuned is not None
    chosen, shown = of.tuned.tuning.metric.words, of.tuned.metric.words
    return (
        f"n configurations of an arm are drawn without replacement, and {chosen} chooses the best. Lines: its expected "
        f"{shown} (Dodge et al. 2019). Bands: eight of ten draws; they are not intervals of the mean. A line begins "
        "where every draw contains a configuration that finished. In brackets: the number of configurations tried."
        f"{cut(frame['expected'], frame[['low', 'high']])}"
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A line with a band for each arm. The figure is readable at the width of a paper's column."""
    assert of.tuned is not None
    figure, (axes,) = canvas(1, 3.4, 2.7)
    codes = {arm.name: code for code, arm in enumerate(of.tuned.tuning.arms)}
    for name, part in frame.groupby("arm", sort=False):
        code, n = codes[str(name)], part["configurations"]
        style: Any = {"color": color(code), "marker": marker(code), "markersize": 4, "label": f"{name} ({n.max()})"}
        axes.plot(n, part["expected"], **style)
        axes.fill_between(n, part["low"], part["high"], color=color(code), alpha=0.15, linewidth=0)
    log_if_wide(axes, frame["expected"], frame[["low", "high"]])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if frame["configurations"].max() > 8:
        axes.set_xscale("log")
        plain_log(axes.xaxis)
    axes.set_xlabel("configurations tried")
    axes.set_ylabel(axis_label(of.tuned.metric.name, of.tuned.metric.unit))
    legend(figure, axes, None)
    return figure
