"""Gradient descent whose weights are averaged from some validation on."""

import dataclasses
from typing import Annotated

import torch

from rnnsweep.optim.base import AbstractOptimizer, Column, Hyperparameters, Rows, Slots
from rnnsweep.types import PER_MEMBER, Count, Positive


@dataclasses.dataclass(frozen=True, kw_only=True)
class NTASGD(AbstractOptimizer):
    """Gradient descent whose weights are averaged once the validation loss stops falling (Merity et al. 2018).

    The averaging begins after the first validation whose loss is above the lowest loss so far, the last `nonmono`
    losses left out. This is the trigger of their algorithm 1. From then on the mean of the weights after each later
    step is validated and kept. Training continues from the weights themselves, at the same learning rate.

    In algorithm 1 the mean also includes the weights at the trigger; here it begins with the step after. The authors'
    code continues with torch.optim.ASGD(t0=0, lambd=0), whose mean begins one step later still.
    """

    lr: Annotated[Positive, PER_MEMBER] = 1.0
    nonmono: Count = 5
    """The newest losses that the trigger leaves out when it takes the lowest: n of the paper."""

    def init(self, parameters: Rows) -> Slots:
        column = parameters.new_zeros(len(parameters), 1, dtype=torch.float64)
        return {
            "average": torch.zeros_like(parameters),
            "averaging": column.clone(),  # 1 once it has begun
            "averaged": column.clone(),  # steps in the average
            "recent": column.new_full((len(parameters), self.nonmono), torch.inf),
            "lowest": column + torch.inf,  # of the losses before the recent ones
        }

    def update(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: Hyperparameters, step: int
    ) -> None:
        gradients = gradients + hyperparameters["weight_decay"].to(parameters) * parameters
        parameters.sub_(hyperparameters.lr.to(parameters) * gradients)
        count, average = slots["averaged"].add_(slots["averaging"]), slots["average"]
        moved = average + (slots["averaging"] / count.clamp(min=1)).to(average) * (parameters - average)
        average.copy_(torch.where(count == 1, parameters, moved))

    def validated(self, parameters: Rows, slots: Slots) -> Rows:
        return torch.where(slots["averaged"] > 0, slots["average"], parameters)

    def heard(self, slots: Slots, losses: Column) -> None:
        recent, lowest = slots["recent"], slots["lowest"]
        slots["averaging"].logical_or_(losses > lowest)
        lowest.copy_(torch.minimum(lowest, recent[:, :1]))
        recent.copy_(torch.cat([recent[:, 1:], losses], 1))
