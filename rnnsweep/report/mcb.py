"""Which settings may be the best: Hsu's multiple comparisons with the best (MCB).

The best of many settings is partly lucky. A test of each setting against it would ignore that it was picked, and would
be wrong too often. MCB asks for each setting whether it may be the best. A setting may not if it is worse than some
other setting by more than d s sqrt(v). Here d is Dunnett's one-sided quantile for as many comparisons, s is the
residual standard deviation of a two-way layout (setting and seed), and v is 1/n + 1/m if both settings have n = m seeds
in common; if some runs are missing, v is that of the least-squares difference. The remaining settings contain the best
one with a probability of 95% (J. C. Hsu, Multiple Comparisons, 1996, chapter 4). Settings are compared on the same
seeds; the method assumes that all settings have the same variance.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats would take a second to import
from scipy.sparse import csgraph

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
    reach = quantile(len(signed) - 1, df) * error
    gaps, variance = _contrasts(signed)
    found: NDArray[np.bool_] = np.isfinite(signed).sum(1) > 0
    found[(gaps > reach * np.sqrt(variance)).any(axis=1)] = False
    return found


def _contrasts(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The differences between the settings, by least squares with an effect of each seed, and their variances.

    The variances are in units of that of the residuals. Settings that no common seeds link cannot be compared: the
    variance of their difference is infinite.
    """
    known = np.isfinite(values)
    if known.all():
        means = values.mean(1)
        return means[:, None] - means, np.full((len(values),) * 2, 2 / values.shape[1])
    settings = np.maximum(1, known.sum(0))
    over_seed = np.where(known, values, 0.0).sum(0) / settings
    inverse = np.linalg.pinv(np.diag(known.sum(1)) - (known / settings) @ known.T, hermitian=True)
    means = inverse @ np.where(known, values - over_seed, 0.0).sum(1)
    own = np.diag(inverse)
    _, part = csgraph.connected_components(known.astype(int) @ known.T)
    variance = np.where(part[:, None] == part, own[:, None] + own - 2 * inverse, np.inf)
    return means[:, None] - means, np.maximum(0.0, variance)


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
