"""Which settings may be the best: Hsu's multiple comparisons with the best (MCB).

The best of many settings is partly lucky. A test of each setting against it would ignore that it was picked, and would
be wrong too often. MCB asks for each setting whether it may be the best. A setting may not if it is worse than some
other setting by more than d s sqrt(1/n + 1/m). Here d is Dunnett's one-sided quantile for as many comparisons, n and m
are the numbers of seeds, and s is the residual standard deviation of a two-way layout (setting and seed). The remaining
settings contain the best one with a probability of 95% (J. C. Hsu, Multiple Comparisons, 1996, chapter 4). Settings are
compared on the same seeds; the method assumes that all settings have the same variance.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats would take a second to import

from rnnsweep.report.stats import ALPHA, ROUNDING

NODES = 96
"""The number of nodes of both quadratures."""


def may_be_best(values: NDArray[np.float64], lower: bool = True) -> NDArray[np.bool_] | None:
    """Which settings may be the best.

    Args:
        values: The metric, of shape (settings, seeds); NaN for a run that did not finish.
        lower: Whether a lower value is better.

    Returns:
        For each setting whether it may be the best, of shape (settings,). None if the settings share too few seeds.
    """
    signed = values if lower else -values
    whole = signed[:, np.isfinite(signed).sum(0) >= 0.8 * len(signed)]
    whole = whole[np.isfinite(whole).all(1)]
    settings, seeds = whole.shape
    if settings < 2 or seeds < 2:
        return None
    residuals = whole - whole.mean(1, keepdims=True) - whole.mean(0) + whole.mean()
    df = (settings - 1) * (seeds - 1)
    error = math.sqrt(float((residuals**2).sum()) / df)
    error = max(error, ROUNDING * float(np.abs(whole).mean()) / math.sqrt(df))
    counts, means = np.isfinite(signed).sum(1), _means(signed)
    reach, parts = quantile(len(signed) - 1, df) * error, 1 / np.maximum(1, counts)
    gaps = means[:, None] - means[None, :]
    bounds = reach * np.sqrt(parts[:, None] + parts[None, :])
    found: NDArray[np.bool_] = ~(gaps > bounds).any(1) & (counts > 0)
    return found


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means of the settings, corrected for the effects of the seeds that each has."""
    with np.errstate(all="ignore"):
        centred = values - np.nanmean(values, 1, keepdims=True)
        seed = np.nan_to_num(np.nanmean(centred, 0))
        found: NDArray[np.float64] = np.nanmean(values - seed, 1)
    return np.where(np.isfinite(found), found, np.inf)


@functools.cache
def quantile(comparisons: int, df: int) -> float:
    """Dunnett's one-sided quantile d at 95%, for comparisons with a common one (their correlation is a half).

    P(all T ≤ d) = E[Φ(Z + d S √2) ^ comparisons], with Z normal and S² a chi-square over its degrees of freedom.

    Args:
        comparisons: The number of comparisons.
        df: The degrees of freedom of the variance.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    levels = (np.arange(NODES) + 0.5) / NODES
    spreads = np.sqrt(special.chdtri(df, 1 - levels) / df)
    low, high = 0.0, 50.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        inside = special.ndtr(nodes[:, None] + middle * spreads * math.sqrt(2)) ** comparisons
        below = float(weights @ inside.mean(1)) < 1 - ALPHA
        low, high = (middle, high) if below else (low, middle)
    return high
