"""The statistics of the report: intervals, tests, and the expected best. They take and return plain numbers."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats would take a second to import

from rnnsweep.looks import two_sided as two_sided  # one of what this module offers

LEVEL = 0.95
"""The level of every interval."""

ALPHA = 1 - LEVEL
"""The level of every test."""

ROUNDING = 1e-6
"""Relative to the values. A smaller spread comes from rounding and is no evidence of anything."""

Array = NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean with its Student-t interval; `p` is that of mean = 0. Too few values have neither interval nor p."""

    mean: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    p: float = math.nan
    df: int = 0
    t: float = math.nan
    flat: bool = False
    """Whether the values differ by rounding only. Then there is no interval and no test."""

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low)

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval; for equal values, the value twice."""
        return (self.mean, self.mean) if self.flat else (self.low, self.high)

    @property
    def upward(self) -> "Interval":
        """This interval with its mean above zero: if need be, the interval of the opposite difference."""
        return self if self.mean >= 0 else dataclasses.replace(self, mean=-self.mean, low=-self.high, high=-self.low)

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


def t_interval(values: Sequence[float] | Array, level: float = LEVEL, least: int = 3, scale: float = 0.0) -> Interval:
    """The mean of independent values, with Student's t interval.

    Args:
        values: One value for each unit, such as a seed.
        level: The level of the interval.
        least: The fewest values that get an interval.
        scale: For differences, the size of the numbers that were subtracted: rounding is relative to it.

    Returns:
        The mean with its interval and the two-sided p of mean = 0. Equal values and too few values have neither.
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


def alike(values: Sequence[float] | Array) -> bool:
    """Whether values differ by rounding only.

    Args:
        values: One or more numbers.
    """
    return float(np.ptp(values)) <= ROUNDING * float(np.abs(values).max())


def welch(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The interval of the difference between two means, from samples with unequal variances (Welch 1947).

    Args:
        first: Independent values, two or more.
        second: Independent values, two or more.
        level: The level of the interval.

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
    """Wilson's (1927) score interval of a share.

    Args:
        successes: How many of the n trials succeeded.
        n: The number of independent trials.
        level: The level of the interval.

    Returns:
        The ends of the interval, from 0 to 1; (0, 1) if there were no trials.
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
        p: The p of each test; NaN for a comparison without a test, which does not count.

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
        better: The number of pairs in which the first is better.
        worse: The number of pairs in which the first is worse. Ties are in neither number.

    Returns:
        p; None if no outcome of so few pairs could reach ALPHA.
    """
    n = better + worse
    if n == 0 or 2 * 0.5**n > ALPHA:
        return None
    return min(1.0, float(2 * special.bdtr(min(better, worse), n, 0.5)))


def equivalent(values: Sequence[float] | Array, margin: float) -> bool:
    """Whether the mean is shown to lie between -margin and margin, by two one-sided tests (Schuirmann 1987).

    Args:
        values: Independent differences, one for each unit, such as a seed.
        margin: The largest difference that does not matter, in the unit of the values.

    Returns:
        True if both tests reject at ALPHA; False if not, or if there is no interval.
    """
    found = t_interval(values, 1 - 2 * ALPHA)
    return found.known and -margin < found.low and found.high < margin
