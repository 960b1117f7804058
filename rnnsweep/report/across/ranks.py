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
from scipy import special  # scipy.stats takes a second to import, where there are so many tasks only

from rnnsweep.report import stats

WILCOXON, RANKS = 6, 10
"""Tasks from which Wilcoxon's test, and the critical difference, are worth their name."""


def mean_ranks(scores: NDArray[Any]) -> NDArray[Any]:
    """The mean rank of each arm over the tasks: 1 is the best; equal scores share their ranks."""
    found: NDArray[Any] = pd.DataFrame(scores).rank(ascending=False).mean(axis=1).to_numpy()
    return found


def wilcoxon(scores: NDArray[Any], leader: int) -> list[float]:
    """Signed-rank tests of each arm against the leader; NaN for the leader.

    Holm's correction is over all pairs of arms: the leader was picked by these scores, so it might have been any.
    Corrected over the comparisons with the leader alone, the test would call a difference too often.
    """
    pairs = list(itertools.combinations(range(len(scores)), 2))
    corrected = dict(zip(pairs, stats.holm([signed_ranks(scores[a] - scores[b]) for a, b in pairs]), strict=True))
    return [corrected.get((min(arm, leader), max(arm, leader)), math.nan) for arm in range(len(scores))]


def signed_ranks(gaps: NDArray[Any]) -> float:
    """Wilcoxon's two-sided p; half of the ties count for either side, as Demšar does it."""
    from scipy.stats import wilcoxon

    return float(wilcoxon(gaps, zero_method="zsplit").pvalue) if gaps.any() else 1.0


def friedman(ranks: NDArray[Any], tasks: int) -> float:
    """The p of Friedman's test by the mean ranks, with Iman and Davenport's F, which is less conservative."""
    arms = len(ranks)
    square = 12 * tasks / (arms * (arms + 1)) * (float((ranks**2).sum()) - arms * (arms + 1) ** 2 / 4)
    left = tasks * (arms - 1) - square
    if left <= 0:
        return 0.0  # all tasks rank the arms alike
    return float(special.fdtrc(arms - 1, (arms - 1) * (tasks - 1), (tasks - 1) * square / left))


def critical_difference(arms: int, tasks: int) -> float:
    """Mean ranks that are further apart differ at 5% (Nemenyi 1963)."""
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(stats.LEVEL, arms, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(arms * (arms + 1) / (6 * tasks))


def alike(ranks: NDArray[Any], difference: float) -> list[tuple[float, float]]:
    """The ends of each largest group of two arms or more within which no two are that far apart, the best first."""
    ordered = np.sort(ranks)
    spans = [(float(low), float(ordered[ordered - low < difference].max())) for low in ordered]
    ends = dict[float, float]()  # by the upper end the lowest start: what starts later lies inside
    for low, high in spans:
        ends.setdefault(high, low)
    return [(low, high) for high, low in ends.items() if high > low]
