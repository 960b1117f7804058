"""Tests over tasks: Wilcoxon's signed ranks, Friedman's test, Nemenyi's critical difference.

J. Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006). A table of scores has a row
for each arm and a column for each task; a higher score is better.
"""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes a second to import; only reports over many tasks import it

from rnnsweep.report import stats

WILCOXON, RANKS = 6, 10
"""The fewest tasks for Wilcoxon's test, and for the critical difference."""


def mean_ranks(scores: NDArray[Any]) -> NDArray[Any]:
    """The mean rank of each arm over the tasks.

    Args:
        scores: The scores, of shape (arms, tasks).

    Returns:
        The mean ranks, of shape (arms,). 1 is the best; equal scores share the mean of their ranks.
    """
    found: NDArray[Any] = pd.DataFrame(scores).rank(ascending=False).mean(axis=1).to_numpy()
    return found


def wilcoxon(scores: NDArray[Any], leader: int) -> list[float]:
    """Signed-rank tests of each arm against the leader.

    Holm's correction is over all pairs of arms, because these scores also picked the leader. A correction over the
    comparisons with the leader only would find a difference too often.

    Args:
        scores: The scores, of shape (arms, tasks).
        leader: The row of the leader.

    Returns:
        Holm's p for each arm; NaN for the leader.
    """
    pairs = list(itertools.combinations(range(len(scores)), 2))
    corrected = dict(zip(pairs, stats.holm([signed_ranks(scores[a] - scores[b]) for a, b in pairs]), strict=True))
    return [corrected.get((min(arm, leader), max(arm, leader)), math.nan) for arm in range(len(scores))]


def signed_ranks(gaps: NDArray[Any]) -> float:
    """Wilcoxon's two-sided p. Ties are divided equally between the two sides, as by Demšar.

    Args:
        gaps: The differences between two arms, of shape (tasks,).
    """
    from scipy.stats import wilcoxon

    return float(wilcoxon(gaps, zero_method="zsplit").pvalue) if gaps.any() else 1.0


def friedman(ranks: NDArray[Any], tasks: int) -> float:
    """The p of Friedman's test, with Iman and Davenport's F, which is less conservative than the chi-square.

    Args:
        ranks: The mean ranks, of shape (arms,).
        tasks: The number of tasks.
    """
    arms = len(ranks)
    square = 12 * tasks / (arms * (arms + 1)) * (float((ranks**2).sum()) - arms * (arms + 1) ** 2 / 4)
    left = tasks * (arms - 1) - square
    if left <= 0:
        return 0.0  # all tasks rank the arms alike
    return float(special.fdtrc(arms - 1, (arms - 1) * (tasks - 1), (tasks - 1) * square / left))


def critical_difference(arms: int, tasks: int) -> float:
    """The critical difference: mean ranks that are further apart differ at 5% (Nemenyi 1963).

    Args:
        arms: The number of arms.
        tasks: The number of tasks.
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(stats.LEVEL, arms, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(arms * (arms + 1) / (6 * tasks))


def alike(ranks: NDArray[Any], difference: float) -> list[tuple[float, float]]:
    """The groups of arms whose ranks differ by less than the critical difference.

    Args:
        ranks: The mean ranks, of shape (arms,).
        difference: The critical difference.

    Returns:
        The lowest and the highest rank of each group, the best group first. No group is a part of another one.
    """
    ordered = np.sort(ranks)
    spans = [(float(low), float(ordered[ordered - low < difference].max())) for low in ordered]
    ends = dict[float, float]()  # by the upper end the lowest start: what starts later lies inside
    for low, high in spans:
        ends.setdefault(high, low)
    return [(low, high) for high, low in ends.items() if high > low]
