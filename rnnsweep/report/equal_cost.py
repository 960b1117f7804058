"""Differences at equal parameters and at equal time."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.report.pairs import Unit, independent_means
from rnnsweep.report.runs import Factor, MetricColumn, Runs


def at_equal(
    runs: Runs, factor: Factor, along: Factor, cost: str, metric: MetricColumn, level: str, baseline: str
) -> tuple[list[float], Unit]:
    """Differences at equal cost: the baseline's metric interpolated along its sizes, linear in the log of the cost.

    At each size of the level whose cost lies within the baseline's range, for each seed and each of the other
    settings; then averaged and taken by unit as pairs are.
    """
    frame = pd.DataFrame(
        {
            "block": runs.blocks(factor, *along.keys),
            "seed": runs.column("seed"),
            "level": factor.column,
            "size": along.column,
            "value": runs.values(metric.name),
            "cost": np.log(np.where(runs.column(cost) > 0, runs.column(cost), np.nan)),
        }
    ).dropna()
    frame = frame[(frame["level"] >= 0) & (frame["size"] >= 0)]
    mine, theirs = (frame[frame["level"] == factor.levels.index(name)] for name in (level, baseline))
    theirs = theirs.sort_values("cost", kind="stable")
    known, found = _by_unit(theirs), []
    for key, (amount, value) in _by_unit(mine).items():
        costs, values = known.get(key, (np.empty(0), np.empty(0)))
        if len(costs) < 2:
            continue
        inside = (amount >= costs[0]) & (amount <= costs[-1])
        if inside.any():
            gap = value[inside] - np.interp(amount[inside], costs, values)
            found.append({"block": key[0], "seed": key[1], "difference": float(gap.mean())})
    return independent_means(pd.DataFrame(found, columns=["block", "seed", "difference"]))


def _by_unit(frame: pd.DataFrame) -> dict[Any, tuple[NDArray[Any], NDArray[Any]]]:
    """For each block and seed the costs and the values, in the frame's order."""
    costs, values = frame["cost"].to_numpy(), frame["value"].to_numpy()
    return {key: (costs[rows], values[rows]) for key, rows in frame.groupby(["block", "seed"]).indices.items()}
