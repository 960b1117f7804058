"""Differences between two levels at equal parameters or at equal time."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.report.factor import Factor
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.pairs import Unit, independent_means
from rnnsweep.report.runs import Runs


def at_equal(
    runs: Runs, factor: Factor, along: Factor, cost: str, metric: MetricColumn, level: str, baseline: str
) -> tuple[list[float], Unit]:
    """Differences between a level and the baseline at equal cost.

    The baseline's metric is interpolated along its sizes, linearly in the log of the cost. For each seed and each
    combination of the other settings, a size of the level is compared if its cost lies within the baseline's range.
    The differences are averaged over these sizes, and then over settings or seeds as those of matched pairs.

    Args:
        runs: The runs of the task.
        factor: The factor that is compared.
        along: The factor of the size, such as `cell.hidden_size`.
        cost: The column of the cost: `parameters`, or `seconds`.
        metric: The metric.
        level: The level of `factor` that is compared with the baseline.
        baseline: The baseline level.

    Returns:
        The differences, level minus baseline, and whether each is of a seed or of a setting.
    """
    frame = _sizes(runs, factor, along, cost, metric)
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


def _sizes(runs: Runs, factor: Factor, along: Factor, cost: str, metric: MetricColumn) -> pd.DataFrame:
    """`block seed level size value cost`: the runs with a known cost, which is the log of their own."""
    frame = pd.DataFrame(
        {
            "block": runs.settings.blocks(factor, *along.keys),
            "seed": runs.column("seed"),
            "level": factor.column,
            "size": along.column,
            "value": runs.values(metric.name),
            "cost": np.log(np.where(runs.column(cost) > 0, runs.column(cost), np.nan)),
        }
    ).dropna()
    return frame[(frame["level"] >= 0) & (frame["size"] >= 0)]


def _by_unit(frame: pd.DataFrame) -> dict[Any, tuple[NDArray[Any], NDArray[Any]]]:
    """For each block and seed the costs and the values, in the frame's order."""
    costs, values = frame["cost"].to_numpy(), frame["value"].to_numpy()
    return {key: (costs[rows], values[rows]) for key, rows in frame.groupby(["block", "seed"]).indices.items()}
