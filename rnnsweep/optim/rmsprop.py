"""Gradient descent in which each gradient is divided by the root of its mean square."""

import dataclasses
from typing import Annotated

import torch

from rnnsweep.optim.base import AbstractOptimizer, Hyperparameters, Rows, Slots
from rnnsweep.types import PER_MEMBER, Positive, Rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class RMSprop(AbstractOptimizer):
    """Tieleman and Hinton 2012, with momentum on the scaled gradient; torch.optim.RMSprop."""

    alpha: Annotated[Rate, PER_MEMBER] = 0.99
    eps: Annotated[Positive, PER_MEMBER] = 1e-8
    momentum: Annotated[Rate, PER_MEMBER] = 0.0

    def init(self, parameters: Rows) -> Slots:
        return {"square": torch.zeros_like(parameters), "velocity": torch.zeros_like(parameters)}

    def update(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: Hyperparameters, step: int
    ) -> None:
        gradients = gradients + hyperparameters["weight_decay"].to(parameters) * parameters
        square = slots["square"].mul_(hyperparameters["alpha"].to(parameters))
        square.add_((1 - hyperparameters["alpha"]).to(parameters) * gradients.square())
        scaled = gradients.div_(square.sqrt().add_(hyperparameters["eps"].to(parameters)))
        velocity = slots["velocity"].mul_(hyperparameters["momentum"].to(parameters)).add_(scaled)
        parameters.sub_(hyperparameters.lr.to(parameters) * velocity)
