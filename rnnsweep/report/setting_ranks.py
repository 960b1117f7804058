"""The settings of a task, ranked by the metric, and those of them that may be the best."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsweep.report import mcb, stats
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.pairs import FEW
from rnnsweep.report.runs import Runs

ENOUGH = 0.8
"""The share of a setting's seeds that must have finished before it can be the best; else a lucky seed would decide."""


@dataclasses.dataclass(frozen=True)
class LeaderboardEntry:
    """One setting over its seeds."""

    setting: int
    values: tuple[float, ...]
    interval: stats.Interval
    planned: int
    diverged: int
    pruned: bool
    """Whether all runs of the setting were pruned."""
    rows: NDArray[Any] = dataclasses.field(compare=False, repr=False)

    @property
    def enough(self) -> bool:
        """Whether enough of the setting's seeds have finished for it to be the best."""
        return len(self.values) >= ENOUGH * self.planned


def ranked_entries(runs: Runs, metric: MetricColumn) -> list[LeaderboardEntry]:
    """The settings, ranked by their mean.

    Args:
        runs: The runs of the task.
        metric: The metric to rank by.

    Returns:
        The settings, the best first. Settings of which too few seeds have finished come last.
    """
    if metric.name not in runs.ranked:
        runs.ranked[metric.name] = _ranked_entries(runs, metric)
    found: list[LeaderboardEntry] = runs.ranked[metric.name]
    return found


def _ranked_entries(runs: Runs, metric: MetricColumn) -> list[LeaderboardEntry]:
    values, setting = runs.values(metric.name), runs.frame["setting"].to_numpy()
    diverged, pruned = ((runs.frame["state"] == state).to_numpy() for state in ("diverged", "pruned"))
    order = np.argsort(setting, kind="stable")
    starts = np.flatnonzero(np.diff(setting[order], prepend=-2))
    found = []
    for rows in np.split(order, starts[1:]):
        if setting[rows[0]] >= 0:
            done = values[rows][np.isfinite(values[rows])]
            interval = stats.t_interval(done, least=FEW)
            counts = len(rows), int(diverged[rows].sum())
            found.append(
                LeaderboardEntry(int(setting[rows[0]]), tuple(done), interval, *counts, bool(pruned[rows].all()), rows)
            )
    return sorted(found, key=lambda s: (not s.enough, s.interval.mean * metric.sign if s.values else math.inf))


def means(ranked: Sequence[LeaderboardEntry]) -> list[float]:
    """The value of each setting for the expected best: NaN if too few of its seeds have finished for it to be the best.

    Args:
        ranked: The settings, the best first. If the first has too few finished seeds, all have, and their means count.
    """
    return [entry.interval.mean if entry.enough or not ranked[0].enough else math.nan for entry in ranked]


def indistinguishable(runs: Runs, metric: MetricColumn, ranked: list[LeaderboardEntry]) -> set[int]:
    """The settings that may be the best, by Hsu's multiple comparisons with the best.

    Args:
        runs: The runs of the task.
        metric: The metric to rank by.
        ranked: The settings, the best first. Those with too few finished seeds are compared only if all are such.

    Returns:
        The numbers of the settings; empty if the best has fewer than FEW seeds, because then nothing is known.
    """
    if not ranked or len(ranked[0].values) < FEW:
        return set()
    able = [entry for entry in ranked if entry.values and (entry.enough or not ranked[0].enough)]
    values, seeds = runs.values(metric.name), runs.column("seed")
    names = {seed: place for place, seed in enumerate(np.unique(np.concatenate([seeds[s.rows] for s in able])))}
    table = np.full((len(able), len(names)), np.nan)
    for place, entry in enumerate(able):
        table[place, [names[seed] for seed in seeds[entry.rows]]] = values[entry.rows]
    found = mcb.may_be_best(table, metric.lower)
    if found is None:  # one setting alone, or no seeds in common
        return {ranked[0].setting}
    return {entry.setting for entry, may in zip(able, found, strict=True) if may} | {ranked[0].setting}


def ranks_with_diverged(ranked: list[LeaderboardEntry], metric: MetricColumn) -> dict[int, int]:
    """The rank of each setting if settings with diverged runs come last, ordered by the share that diverged."""
    order = sorted(
        ranked,
        key=lambda s: (
            s.diverged / max(1, s.diverged + len(s.values)),
            s.interval.mean * metric.sign if s.values else 0,
        ),
    )
    return {entry.setting: rank for rank, entry in enumerate(order, 1)}
