"""How many runs diverged on each side of matched pairs."""

import dataclasses

import pandas as pd

from rnnsweep.report import stats
from rnnsweep.report.pairs import COLUMNS, Unit, counted_unit, ended_pairs


@dataclasses.dataclass(frozen=True)
class Divergence:
    """How many runs diverged on each side of matched pairs, over the pairs whose runs have both ended.

    Seeds of one setting tend to diverge together. So the test counts settings if there are enough, else seeds.
    """

    pairs: int
    level: int
    baseline: int
    more: int
    """The number of settings, or seeds, in which the level diverged more often than the baseline."""
    less: int
    units: int
    unit: Unit

    @property
    def differs(self) -> bool:
        return self.more != self.less

    @property
    def p(self) -> float | None:
        """The p of an exact sign test over the units; None if so few could not reach ALPHA."""
        return stats.sign_test(self.less, self.more)


def count_divergence(pairs: pd.DataFrame) -> Divergence:
    """How many runs diverged on each side, and in how many units one side diverged more often.

    Args:
        pairs: Matched pairs, with the columns that `pairs` describes.
    """
    ended = ended_pairs(pairs)
    unit = counted_unit(ended)
    mine, theirs = ended["state"] == "diverged", ended["state_base"] == "diverged"
    excess = (mine.astype(int) - theirs.astype(int)).groupby(ended[COLUMNS[unit]].to_numpy()).sum()
    counts = int((excess > 0).sum()), int((excess < 0).sum()), len(excess)
    return Divergence(len(ended), int(mine.sum()), int(theirs.sum()), *counts, unit)
