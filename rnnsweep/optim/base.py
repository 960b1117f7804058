"""What an optimizer is: an update rule for a (member, parameter) matrix.

Each row is a model with its own learning rate and so on. A class holds the settings of one member; `Hyperparameters`
holds those of all members as columns.
"""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.layout import Layout
from rnnsweep.types import PER_MEMBER, NonNegative, Positive

Rows = Float[Tensor, "member parameter"]
Column = Float[Tensor, "member 1"]
Slots = dict[str, Tensor]
"""The optimizer's state by name, such as a running mean of gradients; each entry is (member, ...)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbstractOptimizer(abc.ABC):
    """An update rule. Its fields are its settings; those that are `PER_MEMBER` may differ within a stack."""

    lr: Annotated[Positive, PER_MEMBER] = 1e-3
    """The base learning rate; the schedule multiplies it."""
    weight_decay: Annotated[NonNegative, PER_MEMBER] = 0.0
    """The factor of the weights that is added to the gradient, or taken from the weights."""

    @property
    def rule(self) -> type:
        """The class that the user names."""
        return type(self)

    def laid_out(self, layout: Layout) -> "AbstractOptimizer":
        """The optimizer of models with these parameters. Most rules treat all numbers of a row alike, and need it not.

        Args:
            layout: where each parameter lies in a row.
        """
        return self

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
        fields = [(f.name, getattr(optimizers[0], f.name)) for f in dataclasses.fields(optimizers[0])]
        names = [name for name, value in fields if isinstance(value, int | float) and type(value) is not bool]
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
