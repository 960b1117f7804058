"""The expected best of n configurations: what a tuning budget buys."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special  # scipy.stats would take a second to import

from rnnsweep.report.stats import Array


def expected_best(values: Sequence[float] | Array, draws: Sequence[int] | Array, lower: bool = True) -> Array:
    """The expected best of n configurations, drawn without replacement; unbiased (cf. Dodge et al. 2019).

    A configuration without a value ranks last. The expectation is over draws in which some configuration has a value.

    Args:
        values: The value of each configuration; NaN if it has none.
        draws: The numbers n.
        lower: Whether a lower value is better.

    Returns:
        The expectation for each n; NaN where n exceeds the number of configurations.
    """
    return expected_choice(values, values, draws, lower)


def expected_choice(
    chosen_by: Sequence[float] | Array,
    values: Sequence[float] | Array,
    draws: Sequence[int] | Array,
    lower: bool = True,
) -> Array:
    """The expected value of the best of n configurations, if another value chooses the best: test by validation.

    Args:
        chosen_by: The value of each configuration that chooses; NaN if it has none, and it then ranks last.
        values: The value of each configuration that is reported.
        draws: The numbers n.
        lower: Whether a lower value of `chosen_by` is better.

    Returns:
        The expectation for each n; NaN where n exceeds the number of configurations.
    """
    judged, values = np.asarray(chosen_by, float), np.asarray(values, float)
    total, order = len(judged), np.flatnonzero(np.isfinite(judged))
    order = order[np.argsort(-judged[order] if lower else judged[order], kind="stable")]  # the last is the best
    below = total - len(order) + np.arange(len(order))  # how many rank below each
    found = []
    for n in draws:
        weights = np.exp(_log_choose(below, int(n) - 1) - _log_choose(np.array(total), int(n)))
        found.append(float(weights @ values[order] / weights.sum()) if weights.sum() > 0 else math.nan)
    return np.array(found)


def _log_choose(n: Array, k: int) -> Array:
    with np.errstate(invalid="ignore"):
        found = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return np.where(n >= k, found, -np.inf)
