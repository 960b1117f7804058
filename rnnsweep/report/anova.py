"""Analysis of variance: main effects and two-way interactions; exact on balanced grids, else of type II."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from rnnsweep.report import stats

Array = NDArray[Any]
Term = tuple[str, ...]
"""The factors of a main effect or an interaction."""

WIDEST = 256
"""The most columns of a model. Interactions that would make it wider are left out."""


@dataclasses.dataclass(frozen=True)
class VariationSource:
    """One row of an analysis of variance."""

    name: Term
    """The factors: one for a main effect, two for an interaction, none for the residual."""
    squares: float
    df: int
    share: float
    """The share of the total sum of squares; NaN if these runs cannot tell the term from others."""
    p: float = math.nan

    @property
    def known(self) -> bool:
        """Whether these runs can tell the term from the others."""
        return math.isfinite(self.share)


@dataclasses.dataclass(frozen=True)
class Anova:
    """An analysis of variance: how much of the variance comes from which factors."""

    sources: tuple[VariationSource, ...]
    kind: str
    """`exact` on a balanced grid, else `type II`."""
    coverage: float
    """The share of the grid's cells that have a value."""
    n: int
    replicates: bool
    """Whether some cell has several seeds. If none has, the residual is higher interactions only."""

    @property
    def rest(self) -> str:
        """The name of the residual."""
        pairs = any(len(source.name) > 1 for source in self.sources)
        interactions = "higher interactions" if pairs else "interactions"
        return f"seed and {interactions}" if self.replicates else f"{interactions} (one seed a setting)"


def anova(levels: dict[str, Array], values: Array) -> Anova | None:
    """Main effects and two-way interactions.

    If every combination of levels has the same number of values, the grid is balanced, and the decomposition from the
    means of the cells is exact. Else the sums of squares are of type II: those of a term given all other terms that do
    not contain it. Interactions are left out if there are too few distinct cells for them.

    Args:
        levels: For each factor the level of each run, of shape (runs,).
        values: The metric of each run, of shape (runs,).

    Returns:
        The analysis; None if the residual has no degree of freedom, or if nothing varies.
    """
    names = [name for name, column in levels.items() if len(np.unique(column)) > 1]
    if not names or len(values) < 3 or stats.alike(values):
        return None
    codes = {name: pd.factorize(levels[name])[0] for name in names}
    sizes = {name: int(codes[name].max()) + 1 for name in names}
    grid, counts = math.prod(sizes.values()), np.unique(_combined(codes, sizes), return_counts=True)[1]
    balanced = len(counts) == grid and bool(counts.min() == counts.max())
    terms = _terms(names, codes, sizes, balanced, min(grid if balanced else WIDEST, len(counts), len(values) - 1))
    centred = values - values.mean()
    found = _exact(terms, codes, centred) if balanced else _type_two(terms, codes, sizes, centred)
    *effects, (left, rank) = found
    total, left_df = float((centred**2).sum()), len(values) - rank
    if left_df < 1:
        return None
    sources = [_source(t, *e, left / left_df, left_df, total, sizes) for t, e in zip(terms, effects, strict=True)]
    rest = VariationSource((), left, left_df, left / total)
    kind = "exact" if balanced else "type II"
    return Anova((*sources, rest), kind, len(counts) / grid, len(values), bool(counts.max() > 1))


def _terms(names: list[str], codes: dict[str, Array], sizes: dict[str, int], balanced: bool, most: int) -> list[Term]:
    """The main effects, and the interactions whose combinations all occur, if they need at most `most` columns."""
    mains: list[Term] = [(name,) for name in names]
    pairs = [pair for pair in itertools.combinations(names, 2) if balanced or _full(pair, codes, sizes)]
    columns = 1 + sum(math.prod(sizes[name] - 1 for name in term) for term in [*mains, *pairs])
    return [*mains, *pairs] if columns <= most else mains


def _full(pair: Term, codes: dict[str, Array], sizes: dict[str, int]) -> bool:
    """Whether every combination of two factors' levels occurs."""
    a, b = pair
    return bool(np.bincount(codes[a] * sizes[b] + codes[b], minlength=sizes[a] * sizes[b]).all())


def _combined(codes: dict[str, Array], sizes: dict[str, int]) -> Array:
    """A number for each run, equal for runs with equal levels of all factors. It never overflows."""
    found = np.zeros(len(next(iter(codes.values()))), np.int64)
    for name, column in codes.items():
        found = np.unique(found * sizes[name] + column, return_inverse=True)[1]
    return found


def _source(
    term: Term, squares: float, df: int, error: float, left_df: int, total: float, sizes: dict[str, int]
) -> VariationSource:
    whole = math.prod(sizes[name] - 1 for name in term) if len(term) == 1 else 1
    if df < whole:
        return VariationSource(term, math.nan, df, math.nan)
    ratio = squares / df / error if error > 0 else math.inf
    return VariationSource(term, squares, df, squares / total, float(special.fdtrc(df, left_df, ratio)))


def _exact(terms: list[Term], codes: dict[str, Array], values: Array) -> list[tuple[float, int]]:
    """(sum of squares, degrees of freedom) of each term, from the means of its cells; then (residual, rank)."""
    mains: dict[str, tuple[float, int]] = {}
    found = []
    for term in terms:
        _, index = np.unique(np.stack([codes[name] for name in term]), axis=1, return_inverse=True)
        counts = np.bincount(index)
        means = np.bincount(index, values) / counts
        squares, df = float((counts * means**2).sum()), len(counts) - 1
        if len(term) == 1:
            mains[term[0]] = squares, df
        else:
            squares = max(0.0, squares - sum(mains[name][0] for name in term))
            df -= sum(mains[name][1] for name in term)
        found.append((squares, df))
    left = max(0.0, float((values**2).sum()) - sum(squares for squares, _ in found))
    return [*found, (left, 1 + sum(df for _, df in found))]


def _type_two(
    terms: list[Term], codes: dict[str, Array], sizes: dict[str, int], values: Array
) -> list[tuple[float, int]]:
    """(sum of squares, degrees of freedom) that each term adds to those without it; then (residual, rank)."""
    model = _Model(terms, codes, sizes, values)
    found = []
    for term in terms:
        others = [other for other in terms if other != term and not set(term) <= set(other)]
        without, with_it = model.explained(others), model.explained([*others, term])
        found.append((max(0.0, with_it[0] - without[0]), with_it[1] - without[1]))
    squares, rank = model.explained(terms)
    return [*found, (max(0.0, float((values**2).sum()) - squares), rank)]


class _Model:
    """A linear model with all terms. Models with some of the terms are parts of its Gram matrix."""

    def __init__(self, terms: list[Term], codes: dict[str, Array], sizes: dict[str, int], values: Array):
        columns = [np.ones((len(values), 1))]
        self.places: dict[Term, list[int]] = {}
        for term in terms:
            product = np.ones((len(values), 1))
            for name in term:
                dummies = np.eye(sizes[name])[codes[name]][:, 1:]
                product = (product[:, :, None] * dummies[:, None, :]).reshape(len(values), -1)
            start = sum(part.shape[1] for part in columns)
            self.places[term] = list(range(start, start + product.shape[1]))
            columns.append(product)
        design = np.concatenate(columns, 1)
        self.gram, self.moment = design.T @ design, design.T @ values

    def explained(self, terms: list[Term]) -> tuple[float, int]:
        """The sum of squares that the mean and these terms explain, and the rank of their columns."""
        places = [0, *(place for term in terms for place in self.places[term])]
        sizes, axes = np.linalg.eigh(self.gram[np.ix_(places, places)])
        known = sizes > 1e-10 * sizes[-1]
        along = axes[:, known].T @ self.moment[places]
        return float((along**2 / sizes[known]).sum()), int(known.sum())
