"""The statistics of the report: intervals, tests, variance shares, expected best. Plain numbers in and out."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special  # scipy.stats would take a second to import

LEVEL = 0.95
"""Of every interval; a test is called by one minus it."""

ALPHA = 1 - LEVEL

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

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low)

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


def t_interval(values: Sequence[float] | Array, level: float = LEVEL, least: int = 3) -> Interval:
    """Student's t over independent values; fewer than `least` of them carry no interval."""
    values = np.asarray(values, float)
    n = len(values)
    if n == 0:
        return Interval(math.nan)
    mean = float(values.mean())
    if n < max(2, least):
        return Interval(mean, n=n)
    error = float(values.std(ddof=1)) / math.sqrt(n)
    reach = float(special.stdtrit(n - 1, (1 + level) / 2)) * error
    t = mean / error if error else math.copysign(math.inf, mean) if mean else 0.0
    return Interval(mean, mean - reach, mean + reach, n, two_sided(t, n - 1), n - 1, t)


def two_sided(t: float, df: int) -> float:
    """The p value of |t|."""
    return float(2 * special.stdtr(df, -abs(t)))


def wilson(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a share; (0, 1) where nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    z, share = float(special.ndtri((1 + level) / 2)), successes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of one family; what is not a number is no member of it."""
    found = np.asarray(p, float)
    known = np.flatnonzero(np.isfinite(found))
    order = known[np.argsort(found[known], kind="stable")]
    steps = found[order] * np.arange(len(order), 0, -1)
    found = found.copy()
    found[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(value) for value in found]


def sign_test(better: int, worse: int) -> float | None:
    """Exact two-sided sign test; None where no outcome of so few could reach alpha."""
    n = better + worse
    if n == 0 or 2 * 0.5**n > ALPHA:
        return None
    return min(1.0, float(2 * special.bdtr(min(better, worse), n, 0.5)))


def equivalent(values: Sequence[float] | Array, margin: float) -> bool:
    """Two one-sided tests: whether the mean lies within the margin, either side, at alpha."""
    found = t_interval(values, 1 - 2 * ALPHA)
    return found.known and -margin < found.low and found.high < margin


def expected_best(values: Sequence[float] | Array, draws: Sequence[int] | Array, lower: bool = True) -> Array:
    """The expected best of n of these configurations, without replacement: unbiased (cf. Dodge et al. 2019).

    Those without a value rank last; the expectation is over draws that hold at least one value.
    """
    values = np.asarray(values, float)
    total, known = len(values), np.sort(values[np.isfinite(values)])
    known = known[::-1] if lower else known  # the last is the best
    below = total - len(known) + np.arange(len(known))  # how many rank below each
    found = []
    for n in draws:
        weights = np.exp(_log_choose(below, int(n) - 1) - _log_choose(np.array(total), int(n)))
        found.append(float(weights @ known / weights.sum()) if weights.sum() > 0 else math.nan)
    return np.array(found)


def _log_choose(n: Array, k: int) -> Array:
    with np.errstate(invalid="ignore"):
        found = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return np.where(n >= k, found, -np.inf)


# Variance shares -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Source:
    """One line of an analysis of variance."""

    name: tuple[str, ...]
    """The factors: one for a main effect, two for an interaction, none for what is left."""
    squares: float
    df: int
    share: float
    """Of the total sum of squares."""
    p: float = math.nan


@dataclasses.dataclass(frozen=True)
class Anova:
    """How much of the variance comes from what."""

    sources: tuple[Source, ...]
    kind: str
    """`exact` on a balanced grid, else `type II`."""
    coverage: float
    """Share of the grid's cells that have a value."""
    n: int
    replicates: bool
    """Whether some cell has several seeds: without, what is left is interactions of higher order."""


def anova(levels: dict[str, Array], values: Array) -> Anova | None:
    """Main effects and two-way interactions; None where nothing is left to judge them by.

    Balanced (every combination of levels has the same number of values): the exact decomposition from the means of
    the cells. Else type II: each effect given all others that do not contain it, of those that can be estimated.
    """
    names = [name for name, column in levels.items() if len(np.unique(column)) > 1]
    codes = {name: pd.factorize(levels[name])[0] for name in names}
    sizes = [int(codes[name].max()) + 1 for name in names]
    if not names or len(values) < 3 or float(np.ptp(values)) == 0:
        return None
    cells = np.ravel_multi_index([codes[name] for name in names], sizes)
    counts = np.bincount(cells, minlength=math.prod(sizes))
    coverage, replicates = float((counts > 0).mean()), bool(counts.max() > 1)
    balanced = counts.min() == counts.max()
    pairs = [pair for pair in itertools.combinations(names, 2) if balanced or _full([codes[name] for name in pair])]
    mains = [(name,) for name in names]
    size = dict(zip(names, sizes, strict=True))
    wanted = sum(math.prod(size[name] - 1 for name in term) for term in [*mains, *pairs])
    terms: list[tuple[str, ...]] = [*mains, *(pairs if wanted < len(values) - 1 else [])]
    found = (_exact if balanced else _type_two)(terms, codes, values)
    total = float(((values - values.mean()) ** 2).sum())
    left_df = len(values) - 1 - sum(df for _, df in found)
    left = max(0.0, total - sum(squares for squares, _ in found)) if balanced else _fit(terms, codes, values)[0]
    if left_df < 1:
        return None
    sources = [_source(term, *each, left / left_df, left_df, total) for term, each in zip(terms, found, strict=True)]
    rest = Source((), left, left_df, left / total)
    return Anova((*sources, rest), "exact" if balanced else "type II", coverage, len(values), replicates)


def _source(term: tuple[str, ...], squares: float, df: int, error: float, left_df: int, total: float) -> Source:
    if df < 1:  # these runs cannot tell it from the other terms
        return Source(term, 0.0, 0, 0.0)
    ratio = squares / df / error if error > 0 else math.inf
    return Source(term, squares, df, squares / total, float(special.fdtrc(df, left_df, ratio)))


def _exact(terms: list[tuple[str, ...]], codes: dict[str, Array], values: Array) -> list[tuple[float, int]]:
    """Sums of squares and degrees of freedom from the means over each margin."""
    mains: dict[str, tuple[float, int]] = {}
    found = []
    for term in terms:
        _, index = np.unique(np.stack([codes[name] for name in term]), axis=1, return_inverse=True)
        counts = np.bincount(index)
        means = np.bincount(index, values) / counts
        squares, df = float((counts * (means - values.mean()) ** 2).sum()), len(counts) - 1
        if len(term) == 1:
            mains[term[0]] = squares, df
        else:
            squares = max(0.0, squares - sum(mains[name][0] for name in term))
            df -= sum(mains[name][1] for name in term)
        found.append((squares, df))
    return found


def _full(columns: list[Array]) -> bool:
    """Whether every combination of two factors' levels occurs."""
    pairs = len(np.unique(np.stack(columns), axis=1).T)
    return bool(pairs == math.prod(int(column.max()) + 1 for column in columns))


def _type_two(terms: list[tuple[str, ...]], codes: dict[str, Array], values: Array) -> list[tuple[float, int]]:
    """What each term adds to all those that do not contain it."""
    found = []
    for term in terms:
        others = [other for other in terms if other != term and not set(term) <= set(other)]
        without, with_it = _fit(others, codes, values), _fit([*others, term], codes, values)
        found.append((max(0.0, without[0] - with_it[0]), with_it[1] - without[1]))
    return found


def _fit(terms: list[tuple[str, ...]], codes: dict[str, Array], values: Array) -> tuple[float, int]:
    """The sum of squares that a linear model of these terms leaves, and its rank."""
    columns = [np.ones((len(values), 1))]
    for term in terms:
        product = np.ones((len(values), 1))
        for name in term:
            dummies = np.eye(int(codes[name].max()) + 1)[codes[name]][:, 1:]
            product = (product[:, :, None] * dummies[:, None, :]).reshape(len(values), -1)
        columns.append(product)
    design = np.concatenate(columns, 1)
    gram, moment = design.T @ design, design.T @ values  # one small solve, whatever the number of runs
    solution, _, rank, _ = np.linalg.lstsq(gram, moment, rcond=1e-10)
    return float(((values - design @ solution) ** 2).sum()), int(rank)
