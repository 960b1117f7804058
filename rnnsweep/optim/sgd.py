"""Gradient descent with momentum."""

import dataclasses
from typing import Annotated

import torch

from rnnsweep.errors import ConfigError
from rnnsweep.optim.base import AbstractOptimizer, Hyperparameters, Rows, Slots
from rnnsweep.types import PER_MEMBER, Positive, Rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class SGD(AbstractOptimizer):
    """Gradient descent with momentum, heavy-ball or Nesterov's as in Sutskever et al. 2013; torch.optim.SGD."""

    lr: Annotated[Positive, PER_MEMBER] = 0.1
    momentum: Annotated[Rate, PER_MEMBER] = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0:
            problem = "Nesterov's momentum needs a momentum above 0, as in torch; set `optimizer.momentum`, e.g. to 0.9"
            raise ConfigError("optimizer.nesterov", problem, ("optimizer.momentum",))

    def init(self, parameters: Rows) -> Slots:
        return {"velocity": torch.zeros_like(parameters)}

    def update(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: Hyperparameters, step: int
    ) -> None:
        momentum = hyperparameters["momentum"].to(parameters)
        gradients = gradients + hyperparameters["weight_decay"].to(parameters) * parameters
        velocity = slots["velocity"].mul_(momentum).add_(gradients)
        move = gradients + momentum * velocity if self.nesterov else velocity
        parameters.sub_(hyperparameters.lr.to(parameters) * move)
