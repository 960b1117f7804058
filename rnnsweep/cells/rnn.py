"""The simple recurrent network of Elman (1990)."""

import dataclasses
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.kernels import library
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.kernels.pointwise import Pointwise, Slopes, Values, relu, relu_slope, tanh, tanh_slope, zero
from rnnsweep.types import Positive, State


def tanh_unit(x: Values, u: Values, s: Values, p: Values) -> tuple[Values, Values]:
    return (tanh(x[0]),), ()


def tanh_unit_slope(d: Values, kept: Values, s: Values, new: Values, p: Values) -> Slopes:
    return (d[0] * tanh_slope(new[0]),), (), (zero(d[0]),), ()


def relu_unit(x: Values, u: Values, s: Values, p: Values) -> tuple[Values, Values]:
    return (relu(x[0]),), ()


def relu_unit_slope(d: Values, kept: Values, s: Values, new: Values, p: Values) -> Slopes:
    return (d[0] * relu_slope(new[0]),), (), (zero(d[0]),), ()


TANH = Pointwise(forward=tanh_unit, backward=tanh_unit_slope, gates=1, kept=0)
RELU = Pointwise(forward=relu_unit, backward=relu_unit_slope, gates=1, kept=0)


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class RNN(RecurrentCell):
    """h_t = f(W x_t + b + U h_{t-1} + c), f = tanh or relu (Elman 1990).

    Parameters a layer: hidden * (in + hidden + 2). State: hidden. Sequential over time.
    relu, a recurrent matrix that starts as the identity and biases that start at 0 are the IRNN of Le et al. 2015,
    whose state stays as it is where there is no input; they scale the identity down (by .01) where the past that counts
    is short.
    """

    gates: ClassVar[int] = 1
    blocks: ClassVar[tuple[str, ...]] = ("h",)

    nonlinearity: Literal["tanh", "relu"] = "tanh"
    recurrent_scale: Positive = 1.0
    """A factor of the recurrent matrix at the start."""
    zero_bias: bool = False
    """The biases start at 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for layer in self.layers:
            assert isinstance(layer, Layer)
            layer.weight_hh.data.mul_(self.recurrent_scale)
            for bias in (layer.bias_ih, layer.bias_hh) if self.zero_bias else ():
                nn.init.zeros_(bias)

    def step(self, layer: Layer, gates: Float[Tensor, "batch gates"], state: State) -> State:
        before = gates + layer.recurrent(state[0])
        return (torch.tanh(before) if self.nonlinearity == "tanh" else torch.relu(before),)

    @property
    def library(self) -> LibraryKernel:
        return library.rnn_tanh if self.nonlinearity == "tanh" else library.rnn_relu

    @property
    def pointwise(self) -> Pointwise:
        return TANH if self.nonlinearity == "tanh" else RELU
