"""Which settings may be the best: Hsu's multiple comparisons with the best (MCB).

The best of many settings is partly lucky. A test of each against it, as if it had not been picked, is wrong too often.
MCB asks of each setting whether it may be the best: it is left out where it is worse than some other setting by more
than d s sqrt(1/n + 1/m), with d Dunnett's one-sided quantile for as many comparisons. The settings that stay hold the
best one with a probability of 95% (J. C. Hsu, Multiple Comparisons, 1996, chapter 4). s is that of a two-way layout,
setting and seed, so settings are compared on the same seeds; it assumes one variance for all settings.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats would take a second to import

from rnnsweep.report.stats import ALPHA, ROUNDING

NODES = 96
"""Of the two quadratures."""


def may_be_best(values: NDArray[np.float64], lower: bool = True) -> NDArray[np.bool_] | None:
    """Which rows may be the best.

    Args:
        values: A row for each setting, a column for each seed; NaN where a run did not finish.
        lower: Whether a lower value is better.

    Returns:
        True for each row that may be. None where too few seeds are common to tell.
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
    """The means of the settings, less the effects of the seeds that each has."""
    with np.errstate(all="ignore"):
        centred = values - np.nanmean(values, 1, keepdims=True)
        seed = np.nan_to_num(np.nanmean(centred, 0))
        found: NDArray[np.float64] = np.nanmean(values - seed, 1)
    return np.where(np.isfinite(found), found, np.inf)


@functools.cache
def quantile(comparisons: int, df: int) -> float:
    """Dunnett's one-sided quantile at 95%, for comparisons with one that are correlated by a half.

    P(all T ≤ d) = E[Φ(Z + d S √2) ^ comparisons], with Z normal and S² a chi-square over its degrees of freedom.
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
