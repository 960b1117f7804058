"""The statistics of the report: intervals, tests, variance shares, expected best. Plain numbers in and out."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats would take a second to import

from rnnsweep.looks import two_sided as two_sided  # one of what this module offers

LEVEL = 0.95
"""Of every interval; a test is called by one minus it."""

ALPHA = 1 - LEVEL

ROUNDING = 1e-6
"""Relative to the values: a spread below it is that of rounding, and no evidence of anything."""

Array = NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean with its Student-t interval; `low`, `high` and `p` (of mean = 0) only from three values on."""

    mean: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    p: float = math.nan
    df: int = 0
    t: float = math.nan
    flat: bool = False
    """Whether the values are equal but for rounding: then there is neither an interval nor a test."""

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low)

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval; of equal values the value twice."""
        return (self.mean, self.mean) if self.flat else (self.low, self.high)

    @property
    def upward(self) -> "Interval":
        """The interval of a mean above zero: this one, or that of the opposite difference."""
        return self if self.mean >= 0 else dataclasses.replace(self, mean=-self.mean, low=-self.high, high=-self.low)

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


def t_interval(values: Sequence[float] | Array, level: float = LEVEL, least: int = 3, scale: float = 0.0) -> Interval:
    """Student's t over independent values; fewer than `least` of them carry no interval, nor do equal ones.

    Args:
        values: One for each unit, such as a seed.
        level: Of the interval.
        least: Values below which there is no interval.
        scale: The size of what the values are differences of, against which rounding is judged.

    Returns:
        The mean with its interval and the two-sided p of mean = 0.
    """
    values = np.asarray(values, float)
    n = len(values)
    if n == 0:
        return Interval(math.nan)
    mean = float(values.mean())
    if n < max(2, least):
        return Interval(mean, n=n)
    spread = float(values.std(ddof=1))
    if spread <= ROUNDING * max(scale, float(np.abs(values).max())):
        return Interval(0.0 if abs(mean) <= ROUNDING * scale else mean, n=n, flat=True)
    error = spread / math.sqrt(n)
    reach = float(special.stdtrit(n - 1, (1 + level) / 2)) * error
    return Interval(mean, mean - reach, mean + reach, n, two_sided(mean / error, n - 1), n - 1, mean / error)


def welch(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The interval of a difference of means, of two samples with variances of their own (Welch 1947).

    Args:
        first: Independent values, two or more.
        second: Independent values, two or more.
        level: Of the interval.

    Returns:
        The ends of the interval of mean(first) - mean(second).
    """
    parts = [np.var(values, ddof=1) / len(values) for values in (first, second)]
    mean, square = float(np.mean(first) - np.mean(second)), float(sum(parts))
    if square == 0:
        return mean, mean
    df = square**2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True))
    reach = float(special.stdtrit(df, (1 + level) / 2)) * math.sqrt(square)
    return mean - reach, mean + reach


def wilson(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's (1927) score interval of a share; (0, 1) where nothing was counted.

    Args:
        successes: How many of the n.
        n: Independent trials.
        level: Of the interval.

    Returns:
        The ends of the interval, from 0 to 1.
    """
    if n == 0:
        return 0.0, 1.0
    z, share = float(special.ndtri((1 + level) / 2)), successes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjustment of the p-values of one family.

    Args:
        p: One for each test; NaN stands for a comparison without a test and does not count.

    Returns:
        The adjusted p-values in the same order, NaN where `p` is NaN.
    """
    found = np.asarray(p, float)
    known = np.flatnonzero(np.isfinite(found))
    order = known[np.argsort(found[known], kind="stable")]
    steps = found[order] * np.arange(len(order), 0, -1)
    found = found.copy()
    found[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(value) for value in found]


def sign_test(better: int, worse: int) -> float | None:
    """Exact two-sided sign test.

    Args:
        better: Pairs in which the first is better.
        worse: Pairs in which it is worse; ties count in neither.

    Returns:
        p, or None where no outcome of so few pairs could reach alpha.
    """
    n = better + worse
    if n == 0 or 2 * 0.5**n > ALPHA:
        return None
    return min(1.0, float(2 * special.bdtr(min(better, worse), n, 0.5)))


def equivalent(values: Sequence[float] | Array, margin: float) -> bool:
    """Two one-sided tests at alpha (Schuirmann 1987): whether the mean lies within the margin on either side.

    Args:
        values: Independent differences, one for each unit, such as a seed.
        margin: The largest difference that does not matter, in the unit of the values.

    Returns:
        True where both tests reject; False where they do not, or where there is no interval.
    """
    found = t_interval(values, 1 - 2 * ALPHA)
    return found.known and -margin < found.low and found.high < margin


def expected_best(values: Sequence[float] | Array, draws: Sequence[int] | Array, lower: bool = True) -> Array:
    """The expected best of n of these configurations, without replacement: unbiased (cf. Dodge et al. 2019).

    Those without a value rank last; the expectation is over draws that hold at least one value.

    Args:
        values: One for each configuration; NaN where it has none.
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
    """The expected value of the one of n configurations that another value calls the best, as test by validation.

    Args:
        chosen_by: Of each configuration what it is judged by; one that has none ranks last.
        values: Of each configuration what is reported.
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
