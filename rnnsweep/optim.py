"""Optimizers and clipping on a (member, parameter) matrix: each row is a model with its own learning rate and so on.

Every rule equals torch.optim's to rounding. A class holds the settings of one member; `Hyperparameters` holds those of
all members as columns.
"""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.errors import ConfigError
from rnnsweep.types import PER_MEMBER, Count, NonNegative, Positive, Rate

Rows = Float[Tensor, "member parameter"]
Column = Float[Tensor, "member 1"]
Slots = dict[str, Tensor]
"""The optimizer's state by name, such as a running mean of gradients; each entry is (member, ...)."""


def clip_(gradients: Rows, limits: Column | None) -> Float[Tensor, "member"]:
    """Scales each row to a norm of at most its limit, in place (Pascanu et al. 2013, algorithm 1).

    The factor is that of torch.nn.utils.clip_grad_norm_.

    Args:
        gradients: a row for each member.
        limits: the largest norm of each row; None: no row is scaled.

    Returns:
        The norms before.
    """
    # row by row: torch sums the rows of a matrix in an order that depends on how many there are
    norms = torch.stack([torch.linalg.vector_norm(row) for row in gradients.unbind()])
    if limits is not None:
        gradients.mul_((limits / (norms[:, None] + 1e-6)).clamp(max=1.0))
    return norms


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbstractOptimizer(abc.ABC):
    """An update rule. Its fields are its settings; those that are `PER_MEMBER` may differ within a stack."""

    lr: Annotated[Positive, PER_MEMBER] = 1e-3
    """The base learning rate; the schedule multiplies it."""
    weight_decay: Annotated[NonNegative, PER_MEMBER] = 0.0
    """The factor of the weights that is added to the gradient, or taken from the weights."""

    @abc.abstractmethod
    def init(self, parameters: Rows) -> Slots:
        """Makes the state before the first step."""

    @abc.abstractmethod
    def update(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: "Hyperparameters", step: int
    ) -> None:
        """Makes one step, in place.

        Args:
            parameters: a row for each member; it is changed.
            gradients: their gradients; they may be overwritten.
            slots: the state that `init` made; it is changed.
            hyperparameters: the settings of all members as columns; `lr` is that of this step.
            step: the number of this step, from 1.
        """

    def validated(self, parameters: Rows, slots: Slots) -> Rows:
        """The weights that are validated, tested and kept: those that are trained, or an average of them.

        Args:
            parameters: a row for each member.
            slots: the state.
        """
        return parameters

    def heard(self, slots: Slots, losses: Column) -> None:  # noqa: B027  most rules need none
        """Takes note of the losses of a validation.

        Args:
            slots: the state; it may be changed, in place.
            losses: of each member.
        """


class Hyperparameters:
    """The settings of all members' optimizers: `hyperparameters["momentum"]` is a (member, 1) column in float64.

    Args:
        columns: each setting by name.
    """

    def __init__(self, columns: dict[str, Column]):
        self._columns = columns

    @classmethod
    def of(cls, optimizers: Sequence[AbstractOptimizer], device: torch.device) -> "Hyperparameters":
        """The settings of several optimizers of one class; the columns are kept on the device."""
        names = [f.name for f in dataclasses.fields(optimizers[0]) if f.type is not bool]
        return cls(
            {
                name: torch.tensor([[getattr(o, name)] for o in optimizers], dtype=torch.float64, device=device)
                for name in names
            }
        )

    def scaled(self, factor: float | Column) -> "Hyperparameters":
        """The same with other learning rates: the base rates times the factor for a step."""
        return Hyperparameters(self._columns | {"lr": self._columns["lr"] * factor})

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    @property
    def lr(self) -> Column:
        """The learning rates."""
        return self._columns["lr"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SGD(AbstractOptimizer):
    """Gradient descent with momentum, heavy-ball or Nesterov's as in Sutskever et al. 2013; torch.optim.SGD."""

    lr: Annotated[Positive, PER_MEMBER] = 0.1
    momentum: Annotated[Rate, PER_MEMBER] = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0:
            problem = "Nesterov's momentum needs a momentum above 0, as in torch; set `optimizer.momentum`, as to 0.9"
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
