"""The simple recurrent network of Elman (1990)."""

import dataclasses
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.kernels import library
from rnnsweep.kernels.functions import relu, relu_slope, tanh, tanh_slope, zero
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values
from rnnsweep.types import Positive, State


def tanh_forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    return Step(state=(tanh(gates[0]),), saved=())


def tanh_backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    return StepGrads(gates=(grad[0] * tanh_slope(new[0]),), recurrent=(), state=(zero(grad[0]),), parameters=())


def relu_forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    return Step(state=(relu(gates[0]),), saved=())


def relu_backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    return StepGrads(gates=(grad[0] * relu_slope(new[0]),), recurrent=(), state=(zero(grad[0]),), parameters=())


TANH = Pointwise(forward=tanh_forward, backward=tanh_backward, gates=1, saved=0)
RELU = Pointwise(forward=relu_forward, backward=relu_backward, gates=1, saved=0)


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

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        before = gates + layer.recurrent(state[0])
        return (torch.tanh(before) if self.nonlinearity == "tanh" else torch.relu(before),)

    @property
    def library(self) -> LibraryKernel:
        return library.rnn_tanh if self.nonlinearity == "tanh" else library.rnn_relu

    @property
    def pointwise(self) -> Pointwise:
        return TANH if self.nonlinearity == "tanh" else RELU
