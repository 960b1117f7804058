"""Adam and AdamW: one step, and two places where the weight decay acts."""

import dataclasses
from typing import Annotated

import torch

from rnnsweep.optim.base import AbstractOptimizer, Hyperparameters, Rows, Slots
from rnnsweep.types import PER_MEMBER, NonNegative, Positive, Rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbstractAdam(AbstractOptimizer):
    """Kingma and Ba 2015, algorithm 1; a subclass says where the weight decay acts."""

    beta1: Annotated[Rate, PER_MEMBER] = 0.9
    beta2: Annotated[Rate, PER_MEMBER] = 0.999
    eps: Annotated[Positive, PER_MEMBER] = 1e-8

    def init(self, parameters: Rows) -> Slots:
        return {"mean": torch.zeros_like(parameters), "square": torch.zeros_like(parameters)}

    def descend(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: Hyperparameters, step: int
    ) -> None:
        beta1, beta2 = hyperparameters["beta1"], hyperparameters["beta2"]
        mean = slots["mean"].lerp_(gradients, (1 - beta1).to(parameters))
        square = slots["square"].lerp_(gradients.square(), (1 - beta2).to(parameters))
        # in float64: in float32, 1 - beta2**step keeps only four digits in the first steps
        size, spread = hyperparameters.lr / (1 - beta1**step), (1 - beta2**step).sqrt()
        root = square.sqrt().div_(spread.to(parameters)).add_(hyperparameters["eps"].to(parameters))
        parameters.sub_((mean / root).mul_(size.to(parameters)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adam(AbstractAdam):
    """Kingma and Ba 2015, with weight decay as a part of the gradient (L2); torch.optim.Adam."""

    def update(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: Hyperparameters, step: int
    ) -> None:
        gradients = gradients + hyperparameters["weight_decay"].to(parameters) * parameters
        self.descend(parameters, gradients, slots, hyperparameters, step)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamW(AbstractAdam):
    """Loshchilov and Hutter 2019: weight decay apart from the gradient; torch.optim.AdamW."""

    weight_decay: Annotated[NonNegative, PER_MEMBER] = 0.01

    def update(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: Hyperparameters, step: int
    ) -> None:
        parameters.mul_((1 - hyperparameters.lr * hyperparameters["weight_decay"]).to(parameters))
        self.descend(parameters, gradients, slots, hyperparameters, step)
