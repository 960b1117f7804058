"""Planned looks: how many fresh seeds a comparison gets, and what each look says.

Seeds are added to a comparison until it is decided. If one looks at the p value after every seed and stops at .05, one
finds a difference in about a fifth of the comparisons in which there is none. So the looks are planned, and the error
rate is divided among them. The rate of the whole then holds by a union bound over looks and arms, which assumes nothing
beyond each paired t test.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import scipy  # scipy.special is read at its first use: it takes a while, and most commands need none of it
from numpy.typing import NDArray

SEEDS = (3, 5, 8, 12, 18)
"""Fresh seeds of an arm at each look."""
ALPHAS = (0.005, 0.01, 0.01, 0.0125, 0.0125)
"""What each look may spend of the error rate, .05 in all."""
PRIOR = 4.0
"""Variance of the effect size in the mixture of `always_valid`."""

Values = Sequence[float] | NDArray[Any]

Verdict = Literal["differs", "equivalent", "open"]


@dataclasses.dataclass(frozen=True)
class Look:
    """One comparison at one look."""

    n: int
    """Paired seeds."""
    mean: float
    low: float
    high: float
    """The interval at the level of this look."""
    p: float
    """Of the paired t test, two-sided, not adjusted."""
    level: float
    """What p is compared with: the look's share of the error rate over the number of comparisons."""
    verdict: Verdict


def planned(seeds_max: int) -> tuple[int, ...]:
    """The looks up to `seeds_max` seeds. The last one is at `seeds_max`, where that lies between two.

    Raises:
        ValueError: fewer seeds than the first look, or more than the last.
    """
    if not SEEDS[0] <= seeds_max <= SEEDS[-1]:
        raise ValueError(f"expected {SEEDS[0]} to {SEEDS[-1]} seeds, got {seeds_max}")
    return (*(n for n in SEEDS if n < seeds_max), seeds_max)


def look(differences: Values, number: int, arms: int, margin: float) -> Look:
    """What a comparison with the leader shows at a planned look.

    Args:
        differences: arm less leader, one for each fresh seed, in the unit of the metric.
        number: which look this is, from 0.
        arms: how many are compared; each but one is compared with the leader.
        margin: a difference below it does not matter.

    Returns:
        *differs* where p is below the level, *equivalent* where |mean| + t s / sqrt(n) is below the margin, with t the
        quantile of one minus the level (two one-sided tests), else *open*.
    """
    values = np.asarray(differences, float)
    n, level = len(values), ALPHAS[number] / max(1, arms - 1)
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n)
    error = error if error > 1e-12 * abs(mean) else 0.0  # equal but for rounding
    p = two_sided(mean / error, n - 1) if error else math.nan  # equal differences show no spread to test with
    reach = float(scipy.special.stdtrit(n - 1, 1 - level / 2)) * error
    inside = abs(mean) + float(scipy.special.stdtrit(n - 1, 1 - level)) * error < margin
    verdict: Verdict = "differs" if p < level else "equivalent" if inside else "open"
    return Look(n, mean, mean - reach, mean + reach, p, level, verdict)


def half_width(values: Values, level: float = 0.05) -> float:
    """Half of the Student t interval of a mean; the interval misses the mean with a probability of `level`."""
    every = np.asarray(values, float)
    n = len(every)
    return float(scipy.special.stdtrit(n - 1, 1 - level / 2) * every.std(ddof=1)) / math.sqrt(n)


def two_sided(t: float, df: int) -> float:
    """The p value of |t|."""
    return float(2 * scipy.special.stdtr(df, -abs(t)))


def evidence(t: float, n: int, prior: float = PRIOR) -> float:
    """The e value of a t statistic: the likelihood ratio of a mixture over effect sizes against no effect.

    E_n = (1 + n g)^(-1/2) [(1 + t²/ν) / (1 + t²/(ν (1 + n g)))]^((ν + 1)/2), with ν = n - 1, for effect sizes that are
    normal with variance g. Where there is no effect, it exceeds 1/α at some n with a probability of at most α, whenever
    one stops (Ville's inequality).
    """
    df, grown = n - 1, 1 + n * prior
    logarithm = math.log1p(t * t / df) - math.log1p(t * t / (df * grown))
    return math.exp(min(700.0, -0.5 * math.log(grown) + (df + 1) / 2 * logarithm))


def always_valid(differences: Values, alpha: float = 0.05, prior: float = PRIOR) -> tuple[float, float]:
    """An interval that holds at every n at once, for a person who stops by hand.

    It holds all means whose e value is below 1/α. It is infinite where so few values cannot exclude any mean.
    """
    values = np.asarray(differences, float)
    n, mean = len(values), float(values.mean())
    if n < 2:
        return -math.inf, math.inf
    df, grown = n - 1, 1 + n * prior
    bound = (math.sqrt(grown) / alpha) ** (2 / (df + 1))
    if bound >= grown:
        return -math.inf, math.inf
    reach = math.sqrt(df * (bound - 1) / (1 - bound / grown)) * float(values.std(ddof=1)) / math.sqrt(n)
    return mean - reach, mean + reach


def seeds_needed(differences: Values, reach: float, sure: float = 0.8) -> tuple[int, int]:
    """How many seeds bring the half width of a 95% interval below `reach`, as a range.

    Args:
        differences: one for each paired seed, three or more.
        reach: the wanted half width.
        sure: how sure the range is of the spread, which few seeds know badly.

    Returns:
        The numbers at the ends of the spread's own chi-square interval of that level.
    """
    low, high = (_needed(spread, reach) for spread in spreads(differences, sure))
    return low, high


def spreads(values: Values, sure: float = 0.8) -> tuple[float, float]:
    """The ends of the chi-square interval of a standard deviation."""
    found = np.asarray(values, float)
    df, variance = len(found) - 1, float(found.var(ddof=1))
    low, high = (math.sqrt(df * variance / scipy.special.chdtri(df, tail)) for tail in ((1 - sure) / 2, (1 + sure) / 2))
    return low, high


def _needed(spread: float, reach: float) -> int:
    """The smallest n at which t s / sqrt(n) is at most `reach`."""
    n = 2
    while n < 100_000 and scipy.special.stdtrit(n - 1, 0.975) * spread / math.sqrt(n) > reach:
        n += max(1, n // 50)
    return n
