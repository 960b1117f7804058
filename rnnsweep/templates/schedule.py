"""new_schedule: say in a line how the learning rate goes, and where it comes from."""

import dataclasses

from rnnsweep.schedules import AbstractSchedule
from rnnsweep.types import Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewSchedule(AbstractSchedule):
    """Halves the rate again and again: put your formula here."""

    every: Count = 100
    """Steps after which the rate is halved."""

    def factor(self, step: int, steps: int, epoch: float) -> float:
        return float(0.5 ** (step // self.every))
