"""The three cells that a search over ten thousand found best: MUT1, MUT2, MUT3 of Jozefowicz et al. (2015)."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import Layer, RecurrentCell, RecurrentInit
from rnnsweep.cells.gru_reset_before import reset, reset_backward, update_and_candidate
from rnnsweep.dropout import Zoneout
from rnnsweep.kernels.dense import linear
from rnnsweep.kernels.functions import complement, sigmoid, sigmoid_slope, tanh, tanh_slope, zero
from rnnsweep.kernels.pointwise import Half, HalfGrads, Pointwise, Step, StepGrads, Values
from rnnsweep.types import State

R, Z, N = range(3)  # the gates' places


class MutatedLayer(Layer):
    """The blocks r, z, n, one bias each, without the blocks that a cell does not have.

    weight_ih (3 hidden or less, in), weight_hh (3 hidden or less, hidden), bias_hh (3 hidden,).

    Args:
        plain: a gate that reads x itself, without a matrix; it gets a matrix only if x does not have `hidden` features.
        unfed: a gate that does not read the state.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        init: RecurrentInit,
        zoneout: Zoneout,
        *,
        plain: int | None,
        unfed: int | None,
    ):
        super().__init__(3, input_size, hidden_size, init, zoneout)
        del self.bias_ih
        self.plain = plain if input_size == hidden_size else None
        self.weight_ih = nn.Parameter(_without(self.weight_ih, self.plain))
        self.weight_hh = nn.Parameter(_without(self.weight_hh, unfed))

    def project(self, x: Float[Tensor, "*batch time in"]) -> Float[Tensor, "*batch time gates"]:
        return linear(x, self._inputs(), None)

    def weights(self) -> list[Tensor | None]:
        return [self._inputs(), self.weight_hh, None, self.bias_hh]

    def _inputs(self) -> Float[Tensor, "*member gates in"]:
        """The matrix of all gates, the identity for one that reads x itself."""
        if self.plain is None:
            return self.weight_ih
        blocks = list(self.weight_ih.chunk(2, -2))
        eye = torch.eye(self.hidden_size, dtype=self.bias_hh.dtype, device=self.bias_hh.device)
        blocks.insert(self.plain, eye.expand_as(blocks[0]))
        return torch.cat(blocks, -2)


def _without(weight: Tensor, block: int | None) -> Tensor:
    return torch.cat([rows for place, rows in enumerate(weight.detach().chunk(3)) if place != block])


class Mutated(RecurrentCell):
    """h' = z n + (1 - z) h, with the gates r, z and n that a mutation gives."""

    gates: ClassVar[int] = 3
    blocks: ClassVar[tuple[str, ...]] = ("r", "z", "n")
    sigmoids: ClassVar[tuple[str, ...]] = ("r", "z")
    plain: ClassVar[int | None] = None
    unfed: ClassVar[int | None] = None

    def make_layer(self, input_size: int) -> Layer:
        parts = input_size, self.hidden_size, self.recurrent_init, self.make_zoneout()
        return MutatedLayer(*parts, plain=self.plain, unfed=self.unfed)


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """A unit's step in MUT2 and MUT3, as in the classes below."""
    (_, x_z, x_n), (h,) = gates, state
    z, n = sigmoid(x_z), tanh(x_n)
    return Step(state=(h + z * (n - h),), saved=(z, n))


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h,), (z, n), (h,) = grad, saved, state
    d_z, d_n = d_h * (n - h) * sigmoid_slope(z), d_h * z * tanh_slope(n)
    return StepGrads(gates=(zero(d_h), d_z, d_n), recurrent=(), state=(d_h * complement(z),), parameters=())


def forward_of_mut1(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    (_, x_z, x_n), (u_n,), (h,) = gates, recurrent, state
    z, squashed = sigmoid(x_z), tanh(x_n)
    n = tanh(u_n + squashed)
    return Step(state=(h + z * (n - h),), saved=(z, n, squashed))


def backward_of_mut1(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h,), (z, n, squashed), (h,) = grad, saved, state
    d_z, d_n = d_h * (n - h) * sigmoid_slope(z), d_h * z * tanh_slope(n)
    d_x = (zero(d_h), d_z, d_n * tanh_slope(squashed))
    return StepGrads(gates=d_x, recurrent=(d_n,), state=(d_h * complement(z),), parameters=())


def reset_and_squash(gates: Values, state: Values) -> Half:
    """What U_z and U_n of MUT3 multiply: tanh(h) and r h."""
    r, squashed = sigmoid(gates[0]), tanh(state[0])
    return Half(vectors=(squashed, r * state[0]), saved=(r,))


def reset_and_squash_backward(grad: Values, saved: Values, state: Values) -> HalfGrads:
    (d_z, d_n), (r,), (h,) = grad, saved, state
    return HalfGrads(gates=(d_n * h * sigmoid_slope(r),), state=(d_z * tanh_slope(tanh(h)) + d_n * r,))


FIRST = Pointwise(
    forward=forward_of_mut1, backward=backward_of_mut1, gates=3, apart=1, saved=3, unreached=1,
    inner=1, inner_forward=reset, inner_backward=reset_backward, inner_saved=1,
)  # fmt: skip
SECOND = Pointwise(
    forward=forward, backward=backward, gates=3, saved=2,
    inner=1, inner_forward=reset, inner_backward=reset_backward, inner_saved=1,
)  # fmt: skip
THIRD = Pointwise(
    forward=forward, backward=backward, gates=3, saved=2,
    inner=2, inner_forward=reset_and_squash, inner_backward=reset_and_squash_backward, inner_saved=1,
)  # fmt: skip


class MUT1(Mutated):
    """Jozefowicz et al. 2015, section 3.4:

        z = σ(W_z x + b_z)                      r = σ(W_r x + U_r h + b_r)
        n = tanh(U_n (r h) + tanh(x) + b_n)     h' = z n + (1 - z) h

    tanh(x) is tanh(W_n x) where x has not as many features as h. Parameters a layer: hidden * (3 in + 2 hidden + 3),
    with as many features hidden * (2 in + 2 hidden + 3). State: hidden. Sequential over time, two products a step.
    """

    blocks = ("r", "n")
    plain = N
    unfed = Z

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        (h,), (w_r, w_n), (b_r, b_z, b_n) = state, layer.weight_hh.chunk(2), layer.bias_hh.chunk(3)
        x_r, x_z, x_n = gates.chunk(3, -1)
        r, z = torch.sigmoid(x_r + torch.addmm(b_r, h, w_r.T)), torch.sigmoid(x_z + b_z)
        n = torch.tanh(torch.addmm(b_n, r * h, w_n.T) + torch.tanh(x_n))
        return (h + z * (n - h),)

    @property
    def pointwise(self) -> Pointwise:
        return FIRST


class MUT2(Mutated):
    """Jozefowicz et al. 2015, section 3.4:

        z = σ(W_z x + U_z h + b_z)              r = σ(x + U_r h + b_r)
        n = tanh(U_n (r h) + W_n x + b_n)       h' = z n + (1 - z) h

    Where x has not as many features as h, r reads W_r x: then this is `gru_reset_before` with 1 - z for z.
    Parameters a layer: 3 hidden * (in + hidden + 1), with as many features hidden * (2 in + 3 hidden + 3).
    State: hidden. Sequential over time, two products a step.
    """

    plain = R

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        (h,) = state
        z, n = update_and_candidate(layer, gates, h)
        return (h + z * (n - h),)

    @property
    def pointwise(self) -> Pointwise:
        return SECOND


class MUT3(Mutated):
    """Jozefowicz et al. 2015, section 3.4:

        z = σ(W_z x + U_z tanh(h) + b_z)        r = σ(W_r x + U_r h + b_r)
        n = tanh(U_n (r h) + W_n x + b_n)       h' = z n + (1 - z) h

    Parameters a layer: 3 hidden * (in + hidden + 1). State: hidden. Sequential over time, three products a step.
    """

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        (h,), matrices, biases = state, layer.weight_hh.chunk(3), layer.bias_hh.chunk(3)
        x = gates.chunk(3, -1)
        r = torch.sigmoid(x[R] + torch.addmm(biases[R], h, matrices[R].T))
        z = torch.sigmoid(x[Z] + torch.addmm(biases[Z], torch.tanh(h), matrices[Z].T))
        n = torch.tanh(x[N] + torch.addmm(biases[N], r * h, matrices[N].T))
        return (h + z * (n - h),)

    @property
    def pointwise(self) -> Pointwise:
        return THIRD
