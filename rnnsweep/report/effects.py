"""What a factor does: differences between runs that are identical but for it, paired by seed, and by nothing else."""

import dataclasses
import math
from typing import Literal

import pandas as pd

from rnnsweep.report import stats
from rnnsweep.report.divergence import Divergence
from rnnsweep.report.pairs import FEW, Unit

Finding = Literal[
    "clear", "differs", "small", "undecided", "equivalent", "mixed", "constant", "same", "two", "single", "none"
]
"""What the differences show. `clear`: a difference beyond the margin, `small`: one below it, `differs`: its interval
reaches over the margin; `constant`: the same difference each time, `same`: none at all; `two` and `single`: how many
there are, `none`: no pair of finished runs."""

DIFFERENT = ("clear", "differs", "small")
"""The findings in which a test shows a difference."""


@dataclasses.dataclass(frozen=True)
class Effect:
    """One level of a factor against another."""

    factor: str
    level: str
    baseline: str
    values: tuple[float, ...]
    """Level less baseline: one for each setting, the mean over its seeds; with fewer than FEW settings one a seed."""
    unit: Unit
    interval: stats.Interval
    settings: int
    seeds: tuple[int, int]
    """The fewest and the most seeds of a setting."""
    better: int
    """Settings, or seeds, in which the level is better."""
    worse: int
    mixed: bool
    """Clearly better in some settings and clearly worse in others."""
    divergence: Divergence
    ranked: tuple[int, int]
    """Settings in which the level is better and worse when a diverged run ranks last; seeds, where these are few."""
    ranked_unit: Unit
    parameters: float
    """The level's over the baseline's, as a geometric mean over pairs."""
    seconds: stats.Interval
    """The log of the level's time over the baseline's, over pairs of one host with equal threads and kernels."""
    both: tuple[float, float] | None
    """The level's value and the baseline's, where each is the same in all pairs."""
    planned: int
    """Pairs that there would be if every run had finished."""
    pairs: pd.DataFrame = dataclasses.field(compare=False, repr=False)
    """`block seed row base difference`: the runs behind all this, by their rows."""
    adjusted: float = math.nan
    """p by Holm over the family."""
    family: int = 0

    def finding(self, margin: float) -> Finding:
        """What the differences show, by their interval; one within the margin is small, and may be equivalence."""
        if not self.values:
            return "none"
        if len(self.values) < FEW:
            return "single" if len(self.values) == 1 else "two"
        if self.interval.flat:
            return "constant" if self.interval.mean else "same"
        if self.mixed:
            return "mixed"
        if self.adjusted < stats.ALPHA:
            near, far = sorted((abs(self.interval.low), abs(self.interval.high)))
            return "clear" if near >= margin else "small" if far < margin else "differs"
        return "equivalent" if stats.equivalent(self.values, margin) else "undecided"


def adjusted(effects: list[Effect]) -> list[Effect]:
    """The effects with Holm's p over all of them that have a test."""
    corrected = stats.holm([effect.interval.p for effect in effects])
    family = sum(math.isfinite(p) for p in corrected)
    return [dataclasses.replace(e, adjusted=p, family=family) for e, p in zip(effects, corrected, strict=True)]
