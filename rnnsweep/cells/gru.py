"""The gated recurrent unit of Cho et al. (2014), in the form that nn.GRU and cuDNN compute."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.kernels import library
from rnnsweep.kernels.functions import complement, sigmoid, sigmoid_slope, tanh, tanh_slope
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values
from rnnsweep.types import State


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """A unit's step, as in the class below."""
    (x_r, x_z, x_n), (u_n,), (h,) = gates, recurrent, state
    r, z = sigmoid(x_r), sigmoid(x_z)
    n = tanh(x_n + r * u_n)
    return Step(state=(n + z * (h - n),), saved=(r, z, n, u_n))


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h,), (r, z, n, u_n), (h,) = grad, saved, state
    d_n = d_h * complement(z) * tanh_slope(n)
    d_z = d_h * (h - n) * sigmoid_slope(z)
    d_r = d_n * u_n * sigmoid_slope(r)
    return StepGrads(gates=(d_r, d_z, d_n), recurrent=(d_n * r,), state=(d_h * z,), parameters=())


POINTWISE = Pointwise(forward=forward, backward=backward, gates=3, apart=1, saved=4)


class GRU(RecurrentCell):
    """Cho et al. 2014, with the reset gate applied after the recurrent product (Appleyard et al. 2016):

        r = σ(W_r x + b_r + U_r h + c_r)        z = σ(W_z x + b_z + U_z h + c_z)
        n = tanh(W_n x + b_n + r (U_n h + c_n)) h' = (1 - z) n + z h

    Parameters a layer: 3 hidden * (in + hidden + 2). State: hidden. Sequential over time.
    """

    gates: ClassVar[int] = 3
    blocks: ClassVar[tuple[str, ...]] = ("r", "z", "n")
    sigmoids: ClassVar[tuple[str, ...]] = ("r", "z")

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        (h,) = state
        r_x, z_x, n_x = gates.chunk(3, -1)
        r_h, z_h, n_h = layer.recurrent(h).chunk(3, -1)
        r = torch.sigmoid(r_x + r_h)
        z = torch.sigmoid(z_x + z_h)
        n = torch.tanh(n_x + r * n_h)
        return (n + z * (h - n),)

    @property
    def library(self) -> LibraryKernel:
        return library.gru

    @property
    def pointwise(self) -> Pointwise:
        return POINTWISE
