"""How a number changes over training: the multiplier of the learning rate at each step."""

import dataclasses
import math
from typing import Literal

from rnnsweep.types import Natural, NonNegative, Positive, Share

Shape = Literal["constant", "cosine", "linear", "step"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """A linear warm-up, then one shape down to `floor` times the base rate."""

    schedule: Shape = "cosine"
    """constant; cosine (Loshchilov and Hutter 2017, eq. 5, no restarts); linear; step decay."""
    warmup: Natural = 100
    """Steps over which the rate rises linearly; the first step has 1/warmup of it. 0: none."""
    floor: Share = 0.0
    """cosine, linear: the share of the rate that is left at the end."""
    decay: Positive = 0.97
    """step: the factor that is applied at each decay."""
    decay_every: Positive = 1.0
    """step: epochs between two decays."""
    decay_after: NonNegative = 0.0
    """step: epochs at the full rate before the intervals are counted (char-rnn: 9)."""

    def multiplier(self, step: int, steps: int, steps_per_epoch: int) -> float:
        """The factor on the base rate for optimizer step `step` of `steps`, counted from 0."""
        rising = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return rising * self._shape(step, steps, step / steps_per_epoch)

    def _shape(self, step: int, steps: int, epoch: float) -> float:
        if self.schedule == "step":
            return self.decay ** max(0, math.floor((epoch - self.decay_after) / self.decay_every + 1e-9))
        left = 1 - max(0, step - self.warmup) / max(1, steps - self.warmup)
        if self.schedule == "cosine":
            left = 0.5 * (1 - math.cos(math.pi * left))
        return 1.0 if self.schedule == "constant" else self.floor + (1 - self.floor) * left
