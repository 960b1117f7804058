"""The long short-term memory of Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000)."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.kernels import library
from rnnsweep.kernels.functions import sigmoid, sigmoid_slope, tanh, tanh_slope, zero
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values
from rnnsweep.types import State


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """A unit's step, as in the class below."""
    (x_i, x_f, x_g, x_o), (_, c) = gates, state
    i, f, g, o = sigmoid(x_i), sigmoid(x_f), tanh(x_g), sigmoid(x_o)
    c = f * c + i * g
    return Step(state=(o * tanh(c), c), saved=(i, f, g, o))


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h, d_c), (i, f, g, o), (_, c) = grad, saved, state
    squashed = tanh(new[1])
    d_c = d_c + d_h * o * tanh_slope(squashed)
    d_i, d_f = d_c * g * sigmoid_slope(i), d_c * c * sigmoid_slope(f)
    d_g, d_o = d_c * i * tanh_slope(g), d_h * squashed * sigmoid_slope(o)
    return StepGrads(gates=(d_i, d_f, d_g, d_o), recurrent=(), state=(zero(d_h), d_c * f), parameters=())


POINTWISE = Pointwise(forward=forward, backward=backward, gates=4, leaves=2, saved=4)


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class LSTM(RecurrentCell):
    """Hochreiter and Schmidhuber 1997, Gers et al. 2000; no peepholes, as nn.LSTM:

        i, f, o = σ(W x + b + U h + c)    g = tanh(W_g x + b_g + U_g h + c_g)
        c' = f c + i g                    h' = o tanh(c')

    Parameters a layer: 4 hidden * (in + hidden + 2). State: 2 hidden (h, c). Sequential over time.
    """

    gates: ClassVar[int] = 4
    blocks: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    sigmoids: ClassVar[tuple[str, ...]] = ("f", "i", "o")

    forget_bias: float | None = 1.0
    """What the two forget biases sum to at the start (Gers et al. 2000; Jozefowicz et al. 2015 recommend 1); None
    leaves them uniform, as nn.LSTM does."""

    def make_layer(self, input_size: int) -> Layer:
        layer = super().make_layer(input_size)
        layer.start_bias(1, self.forget_bias)
        return layer

    @property
    def leaves(self) -> int:
        return 2

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        h, c = state
        i, f, g, o = (gates + layer.recurrent(h)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    @property
    def library(self) -> LibraryKernel:
        return library.lstm

    @property
    def pointwise(self) -> Pointwise:
        return POINTWISE
