"""Schedules: the factor on the learning rate, the share of teacher forcing, the length of a curriculum."""

import abc
import dataclasses
import functools
import math
from typing import Annotated, Literal

import torch
from torch import Tensor

from rnnsweep.errors import ConfigError
from rnnsweep.own import Own, made, telling
from rnnsweep.types import LATER, Natural, NonNegative, Positive, Share

Decay = Literal["constant", "cosine", "linear", "step", "plateau"]


class AbstractSchedule(abc.ABC):
    """A decay of your own. Its settings are the keywords of its constructor."""

    @abc.abstractmethod
    def factor(self, step: int, steps: int, epoch: float) -> float:
        """The share of the base rate at a step. A warm-up (`train.warmup`) is multiplied with it.

        Args:
            step: the optimizer step, from 0.
            steps: steps of the whole run.
            epoch: passes over the training data before this step.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """A linear warm-up, then a decay to `floor` times the base rate."""

    schedule: Decay | Own = "cosine"
    """constant; cosine (Loshchilov and Hutter 2017, eq. 5, no restarts); linear; step decay; plateau: a decay whenever
    the validation loss does not fall; or a class of yours, as in `mine.Halves`."""
    warmup: Natural = 100
    """Steps over which the rate rises linearly; the first step has 1/warmup of the rate. 0: no warm-up."""
    floor: Share = 0.0
    """cosine, linear: the share of the base rate to which it falls; one more step would have it."""
    decay: Positive = 0.97
    """step, plateau: the factor that is applied at each decay."""
    decay_every: Positive = 1.0
    """step: epochs between two decays."""
    decay_after: NonNegative = 0.0
    """step: epochs at the full rate before the first interval begins (char-rnn: 9)."""

    plateau_patience: Annotated[Natural, LATER] = 0
    """plateau: validations allowed without a new lowest loss before each decay."""
    schedule_from: Annotated[Natural, LATER] = 0
    """The step from which warm-up and decay are counted. With `from=RUN`, the last step of that run begins a new
    schedule, and 0 goes on with the schedule as if the run had been planned so long."""

    def state(self, members: int, device: torch.device) -> dict[str, Tensor]:
        """What training keeps of the schedule. For plateau: `rate` (member, 1), the product of the decays so far."""
        if self.schedule != "plateau":
            return {}
        return {"rate": torch.ones(members, 1, dtype=torch.float64, device=device)}

    def decays(self, stale: int) -> bool:
        """Whether a plateau makes the rate decay now.

        Args:
            stale: validations since the lowest loss.
        """
        return self.schedule == "plateau" and stale > 0 and stale % (self.plateau_patience + 1) == 0

    def multiplier(self, step: int, steps: int, steps_per_epoch: int) -> float:
        """The factor on the base rate. The decays of a plateau are not in it, but in `state`.

        Args:
            step: the optimizer step, from 0.
            steps: steps of the whole run.
            steps_per_epoch: steps of one pass over the training data.
        """
        step, steps = step - self.schedule_from, steps - self.schedule_from
        rising = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return rising * self._shape(step, steps, step / steps_per_epoch)

    @functools.cached_property
    def own(self) -> AbstractSchedule | None:
        """The user's schedule, where `schedule` names one."""
        return made("train.schedule", self.schedule) if isinstance(self.schedule, dict) else None

    def _own_factor(self, own: AbstractSchedule, step: int, steps: int, epoch: float) -> float:
        """What the user's schedule says.

        Raises:
            ConfigError: it failed, or did not return a number.
        """
        name = f"{type(own).__module__}.{type(own).__qualname__}.factor"
        with telling("train.schedule", name):
            factor = own.factor(step, steps, epoch)
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 <= factor < math.inf:
            problem = f"`{name}` returned {factor!r} at step {step}; expected a number of at least 0"
            raise ConfigError("train.schedule", problem)
        return float(factor)

    def _shape(self, step: int, steps: int, epoch: float) -> float:
        if self.own is not None:
            return self._own_factor(self.own, step, steps, epoch)
        if self.schedule == "step":
            return self.decay ** max(0, math.floor((epoch - self.decay_after) / self.decay_every + 1e-9))
        left = 1 - max(0, step - self.warmup) / max(1, steps - self.warmup)
        if self.schedule == "cosine":
            left = 0.5 * (1 - math.cos(math.pi * left))
        return 1.0 if self.schedule in ("constant", "plateau") else self.floor + (1 - self.floor) * left


READERS: dict[str, tuple[Decay, ...]] = {
    "floor": ("cosine", "linear"),
    "decay": ("step", "plateau"),
    "decay_every": ("step",),
    "decay_after": ("step",),
    "plateau_patience": ("plateau",),
}
"""The schedules that read a setting, for the settings that not all of them read."""


def grown(start: int, end: int, over: int, step: int) -> int:
    """A length that grows linearly from `start` at step 0 to `end` at step `over`, and stays there."""
    return end if step >= over else min(end, start + (end - start) * step // over)


ForcingShape = Literal["constant", "linear", "exponential", "inverse_sigmoid"]


def forcing(shape: ForcingShape, start: float, half: float, step: int) -> float:
    """The share of teacher forcing at a step (Bengio et al. 2015, section 2.4).

    Args:
        shape: constant; linear, which is 0 after 2 `half` steps; exponential, k^i; or inverse sigmoid,
            k / (k + exp(i / k)), divided by its value at i = 0.
        start: the share at step 0.
        half: after so many steps half of `start` is left.
        step: the training step, from 0.
    """
    if shape == "constant":
        return start
    if shape == "linear":
        return start * max(0.0, 1 - step / (2 * half))
    if shape == "exponential":
        return start * math.pow(0.5, step / half)
    k = _sigmoid_scale(half)
    return start * (k + 1) / (k + math.exp(min(step / k, 700)))


@functools.cache
def _sigmoid_scale(half: float) -> float:
    """The k for which (k + 1) / (k + exp(half / k)) is one half: exp(half / k) = k + 2, by bisection."""
    low, high = 1e-3, 1e9
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if half / middle < math.log(middle + 2) else (middle, high)
    return low
