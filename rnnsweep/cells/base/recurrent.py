"""A cell with a recurrence, h_t = f(x_t, h_{t-1}): it runs step by step, or on torch's or a compiled kernel."""

import abc
import dataclasses
from contextlib import ExitStack
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep import kernels
from rnnsweep.cells.base.layer import Layer, RecurrentInit
from rnnsweep.cells.base.layered import LayeredCell
from rnnsweep.dropout import DropConnect, Zoneout
from rnnsweep.errors import ConfigError, listed, tell_once
from rnnsweep.kernels import fused
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.kernels.pointwise import Normalised, Pointwise
from rnnsweep.types import LATER, DropoutRate, State


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class RecurrentCell(LayeredCell):
    """h_t = f(x_t, h_{t-1}), in layers.

    A subclass sets `gates`, overrides `leaves` where a layer's state has more than one tensor, and writes `step`. It
    may name torch's kernel for the same mathematics (`library`) and describe a unit for the compiled kernel
    (`pointwise`). A layer's state is `leaves` tensors of (batch, hidden), the output first.

    Example:
        class Leaky(RecurrentCell):
            gates = 1

            def step(self, layer, gates, state):
                return (0.9 * state[0] + 0.1 * torch.tanh(gates + layer.recurrent(state[0])),)
    """

    gates: ClassVar[int]
    """Blocks of rows of a layer's matrices."""
    blocks: ClassVar[tuple[str, ...]] = ()
    """Names of the gates in the order of the rows."""

    recurrent_init: RecurrentInit = "orthogonal"
    """How each gate's recurrent matrix starts."""
    zoneout: DropoutRate = 0.0
    """Share of the state's features that training keeps from the step before (Krueger et al. 2017)."""
    weight_dropout: Annotated[DropoutRate, LATER] = 0.0
    """Share of the recurrent weights that training drops, the same ones at all steps (Merity et al. 2018)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.drop_connect = nn.ModuleList(DropConnect(self.weight_dropout) for _ in self.layers)
        if self.weight_dropout:
            self._check_weight_dropout()

    def _check_weight_dropout(self) -> None:
        """Refuses a cell without the matrix that is dropped, and says which others are not dropped."""
        if any(layer._parameters.get("weight_hh") is None for layer in self.layers):
            raise ConfigError("cell.weight_dropout", "this cell has no recurrent matrix `weight_hh`; use 0")
        if others := sorted(set[str]().union(*map(_other_weights, self.layers))):
            tell_once(f"`cell.weight_dropout` drops numbers of `weight_hh` alone, and none of {listed(others)}")

    def forward(
        self, x: Float[Tensor, "*batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        with ExitStack() as blocks:
            for layer, drop in zip(self.layers, self.drop_connect, strict=True):
                assert isinstance(drop, DropConnect)
                blocks.enter_context(drop.on(layer, "weight_hh"))
            return super().forward(x, state)

    def make_layer(self, input_size: int) -> Layer:
        return Layer(self.gates, input_size, self.hidden_size, self.recurrent_init, self.make_zoneout())

    def make_zoneout(self) -> Zoneout:
        """One layer's zoneout."""
        return Zoneout(self.zoneout)

    @abc.abstractmethod
    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        """One step of one layer.

        Args:
            layer: the weights.
            gates: what the input adds to the gates, weight_ih x_t + bias_ih.
            state: the state before the step, `leaves` tensors of (batch, hidden).

        Returns:
            The state after the step; its first tensor is the output.
        """

    @property
    def library(self) -> LibraryKernel | None:
        """Torch's kernel for one layer, or None."""
        return None

    @property
    def pointwise(self) -> Pointwise | Normalised | None:
        """The mathematics of one unit, from which the fused kernel is compiled; None: the cell has no fused kernel."""
        return None

    def runs_as(self, how: kernels.Execution) -> kernels.Execution:
        """`how`, or the scan if the cell has no such kernel or uses zoneout."""
        there = {"library": self.library is not None, "fused": self.pointwise is not None, "scan": True}
        return how if there[how] and not self.zoneout else "scan"

    def units(self, layer: Layer) -> list[Float[Tensor, "*member hidden"]]:
        """The parameters of a layer that have one number for each unit, in the order of `pointwise`."""
        return []

    def layer_state(self, layer: nn.Module, x: Float[Tensor, "*batch time in"]) -> State:
        return (x.new_zeros(*x.shape[:-2], self.hidden_size),) * self.leaves

    def run_layer(
        self, layer: nn.Module, x: Float[Tensor, "*batch time features"], state: State
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        assert isinstance(layer, Layer)
        how = self.runs_as(kernels.execution())
        if how == "library" and self.library is not None:
            return self.library(x, state, [weight for weight in layer.weights() if weight is not None])
        if how == "fused" and self.pointwise is not None and fused.serves(x):
            return fused.layer(self.pointwise, x, state, layer.weights(), self.units(layer))
        outputs, kept = [], layer.zoneout.masks(x.shape[1], state)
        for t, gates in enumerate(layer.project(x).unbind(1)):
            state = layer.zoneout(self.step(layer, gates, state), state, kept, t)
            outputs.append(state[0])
        return torch.stack(outputs, 1), state


def _other_weights(layer: nn.Module) -> set[str]:
    """The names of a layer's matrices beside those of the input and of the state."""
    named = {name for name, weight in layer._parameters.items() if weight is not None and name.startswith("weight_")}
    return named - {"weight_ih", "weight_hh"}
