"""Runs that diverged on either side of matched pairs."""

import dataclasses

import pandas as pd

from rnnsweep.report import stats
from rnnsweep.report.pairs import COLUMNS, Unit, counted_unit, ended_pairs


@dataclasses.dataclass(frozen=True)
class Divergence:
    """Over pairs of which both have ended: how many runs diverged on each side, and where one side did more often.

    Seeds of one setting diverge alike, so settings are counted where there are enough of them, else seeds.
    """

    pairs: int
    level: int
    baseline: int
    more: int
    """Settings, or seeds, in which the level diverged more often than the baseline."""
    less: int
    units: int
    unit: Unit

    @property
    def differs(self) -> bool:
        return self.more != self.less

    @property
    def p(self) -> float | None:
        """Exact sign test over the units; None where so few could not reach alpha."""
        return stats.sign_test(self.less, self.more)


def count_divergence(pairs: pd.DataFrame) -> Divergence:
    """How many runs of either side diverged, and in how many units (settings or seeds) one side did more often."""
    ended = ended_pairs(pairs)
    unit = counted_unit(ended)
    mine, theirs = ended["state"] == "diverged", ended["state_base"] == "diverged"
    excess = (mine.astype(int) - theirs.astype(int)).groupby(ended[COLUMNS[unit]].to_numpy()).sum()
    counts = int((excess > 0).sum()), int((excess < 0).sum()), len(excess)
    return Divergence(len(ended), int(mine.sum()), int(theirs.sum()), *counts, unit)
