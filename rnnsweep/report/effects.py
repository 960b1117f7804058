"""The effect of a factor: differences between runs that are equal in all other settings, paired by seed."""

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
"""What the differences show.

Shown by a test: `clear`, a difference above the margin; `small`, one below it; `differs`, one that may be either.
Not shown: `undecided`; `equivalent`, if the difference is shown to be below the margin; `mixed`, if some settings are
clearly better and others clearly worse. Not tested: `constant`, if all pairs have the same difference; `same`, if they
have none; `two` and `single`, if there are so few differences; `none`, if no pair has finished.
"""

DIFFERENT = ("clear", "differs", "small")
"""The findings in which a test shows a difference."""


@dataclasses.dataclass(frozen=True)
class Effect:
    """The effect of one level of a factor against another."""

    factor: str
    level: str
    baseline: str
    values: tuple[float, ...]
    """Level minus baseline, in the unit of the metric: one value for each seed or setting, as `unit` says."""
    unit: Unit
    interval: stats.Interval
    settings: int
    seeds: tuple[int, int]
    """The fewest and the most seeds of a setting."""
    better: int
    """The number of `values` in which the level is better."""
    worse: int
    mixed: bool
    """Whether the level is clearly better in some settings and clearly worse in others."""
    divergence: Divergence
    ranked: tuple[int, int]
    """The numbers of units in which the level is better, and worse, if a diverged run ranks last."""
    ranked_unit: Unit
    parameters: float
    """The parameters of the level over those of the baseline, as a geometric mean over pairs."""
    seconds: stats.Interval
    """The log of the level's time over the baseline's, over pairs from one host with equal threads and kernels."""
    both: tuple[float, float] | None
    """The value of the level and that of the baseline, if each is the same in all pairs."""
    planned: int
    """The number of planned pairs, finished or not."""
    pairs: pd.DataFrame = dataclasses.field(compare=False, repr=False)
    """`block seed row base difference`: the finished pairs; `row` and `base` are the rows of their runs."""
    alike: bool = True
    """Whether the runs of all pairs were evaluated on the same data and symbols, as far as it is known."""
    adjusted: float = math.nan
    """Holm's p over the family."""
    family: int = 0
    """The number of tests that were corrected together."""

    def finding(self, margin: float) -> Finding:
        """What the differences show.

        Args:
            margin: The margin below which a difference is small, in the unit of the metric.
        """
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
    """The effects with Holm's p, corrected over all of them that have a test.

    Args:
        effects: One family of effects.

    Returns:
        The same effects in the same order, with `adjusted` and `family` set.
    """
    corrected = stats.holm([effect.interval.p for effect in effects])
    family = sum(math.isfinite(p) for p in corrected)
    return [dataclasses.replace(e, adjusted=p, family=family) for e, p in zip(effects, corrected, strict=True)]
