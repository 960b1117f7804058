"""Optimizers and clipping on the matrix (member, parameter): each row is a model with its own numbers.

Every rule follows torch.optim to rounding; the classes hold the settings, `stack` makes their numbers columns.
"""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.types import PER_MEMBER, NonNegative, Positive, Rate

Rows = Float[Tensor, "member parameter"]
Column = Float[Tensor, "member 1"]
Slots = dict[str, Tensor]
"""What an optimizer remembers, by name; each entry is (member, parameter)."""


def clip_(gradients: Rows, limits: Column | None) -> Float[Tensor, "member"]:
    """Scales each row to a norm of at most its limit (Pascanu et al. 2013, alg. 1); returns the norms before.

    `limits` None: no row is clipped. The factor is that of torch.nn.utils.clip_grad_norm_.
    """
    # row by row: torch sums the rows of a matrix in an order that depends on how many there are
    norms = torch.stack([torch.linalg.vector_norm(row) for row in gradients.unbind()])
    if limits is not None:
        gradients.mul_((limits / (norms[:, None] + 1e-6)).clamp(max=1.0))
    return norms


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbstractOptimizer(abc.ABC):
    """An update rule: `init(parameters)` makes its memory, `update` moves the parameters in place."""

    lr: Annotated[Positive, PER_MEMBER] = 1e-3
    """The base learning rate; the schedule multiplies it."""
    weight_decay: Annotated[NonNegative, PER_MEMBER] = 0.0

    @abc.abstractmethod
    def init(self, parameters: Rows) -> Slots: ...

    @abc.abstractmethod
    def update(self, parameters: Rows, gradients: Rows, slots: Slots, numbers: "Numbers", step: int) -> None:
        """One step in place; `step` counts from 1."""


class Numbers:
    """The numbers of all members' optimizers: `numbers["lr"]` is a (member, 1) column in float64."""

    def __init__(self, optimizers: Sequence[AbstractOptimizer], device: torch.device):
        names = [f.name for f in dataclasses.fields(optimizers[0]) if f.type is not bool]
        self._columns = {
            name: torch.tensor([[getattr(o, name)] for o in optimizers], dtype=torch.float64, device=device)
            for name in names
        }
        self.scale = 1.0

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    @property
    def lr(self) -> Column:
        """The learning rates of this step: the base rates times the schedule's multiplier."""
        return self._columns["lr"] * self.scale


@dataclasses.dataclass(frozen=True, kw_only=True)
class SGD(AbstractOptimizer):
    """Gradient descent with momentum, heavy-ball or Nesterov's as in Sutskever et al. 2013; torch.optim.SGD."""

    lr: Annotated[Positive, PER_MEMBER] = 0.1
    momentum: Annotated[Rate, PER_MEMBER] = 0.0
    nesterov: bool = False

    def init(self, parameters: Rows) -> Slots:
        return {"velocity": torch.zeros_like(parameters)}

    def update(self, parameters: Rows, gradients: Rows, slots: Slots, numbers: Numbers, step: int) -> None:
        momentum = numbers["momentum"].to(parameters)
        gradients = gradients + numbers["weight_decay"].to(parameters) * parameters
        velocity = slots["velocity"].mul_(momentum).add_(gradients)
        move = gradients + momentum * velocity if self.nesterov else velocity
        parameters.sub_(numbers.lr.to(parameters) * move)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RMSprop(AbstractOptimizer):
    """Tieleman and Hinton 2012, with momentum on the scaled gradient; torch.optim.RMSprop."""

    alpha: Annotated[Rate, PER_MEMBER] = 0.99
    eps: Annotated[Positive, PER_MEMBER] = 1e-8
    momentum: Annotated[Rate, PER_MEMBER] = 0.0

    def init(self, parameters: Rows) -> Slots:
        return {"square": torch.zeros_like(parameters), "velocity": torch.zeros_like(parameters)}

    def update(self, parameters: Rows, gradients: Rows, slots: Slots, numbers: Numbers, step: int) -> None:
        gradients = gradients + numbers["weight_decay"].to(parameters) * parameters
        square = slots["square"].mul_(numbers["alpha"].to(parameters))
        square.add_((1 - numbers["alpha"]).to(parameters) * gradients.square())
        scaled = gradients.div_(square.sqrt().add_(numbers["eps"].to(parameters)))
        velocity = slots["velocity"].mul_(numbers["momentum"].to(parameters)).add_(scaled)
        parameters.sub_(numbers.lr.to(parameters) * velocity)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbstractAdam(AbstractOptimizer):
    """Kingma and Ba 2015, algorithm 1; where the weight decay acts is the leaf's."""

    beta1: Annotated[Rate, PER_MEMBER] = 0.9
    beta2: Annotated[Rate, PER_MEMBER] = 0.999
    eps: Annotated[Positive, PER_MEMBER] = 1e-8

    def init(self, parameters: Rows) -> Slots:
        return {"mean": torch.zeros_like(parameters), "square": torch.zeros_like(parameters)}

    def descend(self, parameters: Rows, gradients: Rows, slots: Slots, numbers: Numbers, step: int) -> None:
        beta1, beta2 = numbers["beta1"], numbers["beta2"]
        mean = slots["mean"].lerp_(gradients, (1 - beta1).to(parameters))
        square = slots["square"].lerp_(gradients.square(), (1 - beta2).to(parameters))
        # in float64: in float32 the 1 - beta2**step of the first steps would keep four digits
        size, spread = numbers.lr / (1 - beta1**step), (1 - beta2**step).sqrt()
        root = square.sqrt().div_(spread.to(parameters)).add_(numbers["eps"].to(parameters))
        parameters.sub_((mean / root).mul_(size.to(parameters)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adam(AbstractAdam):
    """Weight decay as part of the gradient (L2); torch.optim.Adam."""

    def update(self, parameters: Rows, gradients: Rows, slots: Slots, numbers: Numbers, step: int) -> None:
        gradients = gradients + numbers["weight_decay"].to(parameters) * parameters
        self.descend(parameters, gradients, slots, numbers, step)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamW(AbstractAdam):
    """Loshchilov and Hutter 2019: weight decay apart from the gradient; torch.optim.AdamW."""

    weight_decay: Annotated[NonNegative, PER_MEMBER] = 0.01

    def update(self, parameters: Rows, gradients: Rows, slots: Slots, numbers: Numbers, step: int) -> None:
        parameters.mul_((1 - numbers.lr * numbers["weight_decay"]).to(parameters))
        self.descend(parameters, gradients, slots, numbers, step)
