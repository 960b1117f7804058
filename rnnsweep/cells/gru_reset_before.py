"""The gated recurrent unit as Cho et al. (2014) first wrote it."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.kernels.functions import complement, sigmoid, sigmoid_slope, tanh, tanh_slope, zero
from rnnsweep.kernels.pointwise import Half, HalfGrads, Pointwise, Step, StepGrads, Values
from rnnsweep.types import State


def reset(gates: Values, state: Values) -> Half:
    """What U_n multiplies: r h."""
    r = sigmoid(gates[0])
    return Half(vectors=(r * state[0],), saved=(r,))


def reset_backward(grad: Values, saved: Values, state: Values) -> HalfGrads:
    (d_v,), (r,), (h,) = grad, saved, state
    return HalfGrads(gates=(d_v * h * sigmoid_slope(r), zero(d_v)), state=(d_v * r,))


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """A unit's step, as in the class below."""
    (_, x_z, x_n), (h,) = gates, state
    z, n = sigmoid(x_z), tanh(x_n)
    return Step(state=(n + z * (h - n),), saved=(z, n))


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h,), (z, n), (h,) = grad, saved, state
    d_z, d_n = d_h * (h - n) * sigmoid_slope(z), d_h * complement(z) * tanh_slope(n)
    return StepGrads(gates=(zero(d_h), d_z, d_n), recurrent=(), state=(d_h * z,), parameters=())


POINTWISE = Pointwise(
    forward=forward, backward=backward, gates=3, saved=2,
    inner=1, inner_forward=reset, inner_backward=reset_backward, inner_saved=1,
)  # fmt: skip


def update_and_candidate(
    layer: Layer, gates: Float[Tensor, "*batch gates"], h: Float[Tensor, "*batch hidden"]
) -> tuple[Float[Tensor, "*batch hidden"], Float[Tensor, "*batch hidden"]]:
    """z and n of the class below."""
    split = 2 * h.shape[1]
    seen = torch.addmm(layer.bias_hh[:split], h, layer.weight_hh[:split].T)
    r, z = (torch.sigmoid(gate) for gate in (gates[:, :split] + seen).chunk(2, -1))
    n = torch.tanh(gates[:, split:] + torch.addmm(layer.bias_hh[split:], r * h, layer.weight_hh[split:].T))
    return z, n


class GRUResetBefore(RecurrentCell):
    """Cho et al. 2014, eqs. 5 to 8: the reset gate decides what the candidate's product reads,

        r = σ(W_r x + b_r + U_r h + c_r)        z = σ(W_z x + b_z + U_z h + c_z)
        n = tanh(W_n x + b_n + U_n (r h) + c_n) h' = (1 - z) n + z h

    where `gru` (nn.GRU, cuDNN) applies it to the product.
    Parameters a layer: 3 hidden * (in + hidden + 2). State: hidden. Sequential over time, two products a step.
    """

    gates: ClassVar[int] = 3
    blocks: ClassVar[tuple[str, ...]] = ("r", "z", "n")
    sigmoids: ClassVar[tuple[str, ...]] = ("r", "z")

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        (h,) = state
        z, n = update_and_candidate(layer, gates, h)
        return (n + z * (h - n),)

    @property
    def pointwise(self) -> Pointwise:
        return POINTWISE
