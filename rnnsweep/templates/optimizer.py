"""new_optimizer: say in a line what it does, and where it comes from."""

import dataclasses
from typing import Annotated

import torch

from rnnsweep.optim import AbstractOptimizer, Hyperparameters, Rows, Slots
from rnnsweep.types import PER_MEMBER, Rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewOptimizer(AbstractOptimizer):
    """Steps along the sign of the gradient's mean: put your rule here. `lr` and `weight_decay` are inherited."""

    momentum: Annotated[Rate, PER_MEMBER] = 0.9
    """Decay of the gradient's mean."""

    def init(self, parameters: Rows) -> Slots:
        return {"mean": torch.zeros_like(parameters)}

    def update(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: Hyperparameters, step: int
    ) -> None:
        gradients = gradients + hyperparameters["weight_decay"].to(parameters) * parameters
        mean = slots["mean"].lerp_(gradients, (1 - hyperparameters["momentum"]).to(parameters))
        parameters.sub_(hyperparameters.lr.to(parameters) * mean.sign())
