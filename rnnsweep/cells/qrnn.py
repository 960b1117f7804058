"""The quasi-recurrent network of Bradbury et al. (2017)."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import windows
from rnnsweep.cells.scan import Coefficients, ScanCell, ScanLayer
from rnnsweep.kernels.functions import complement, exp, sigmoid, sigmoid_slope, tanh, tanh_slope, zero
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values
from rnnsweep.types import Count, State


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """A unit's step, as in the class below."""
    (x_f, x_z, x_o), (_, c) = gates, state
    shut = exp(-x_f)
    take, z, o = shut / complement(-shut), tanh(x_z), sigmoid(x_o)
    keep = take / shut
    c = keep * c + take * z
    return Step(state=(o * c, c), saved=(keep, take, z, o))


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h, d_c), (keep, take, z, o), (_, c), (_, after) = grad, saved, state, new
    d_c = d_c + d_h * o
    d_x = (d_c * (c - z) * keep * take, d_c * take * tanh_slope(z), d_h * after * sigmoid_slope(o))
    return StepGrads(gates=d_x, recurrent=(), state=(zero(d_h), d_c * keep), parameters=())


POINTWISE = Pointwise(forward=forward, backward=backward, gates=3, saved=4, leaves=2, product=False)


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class QRNN(ScanCell):
    """Bradbury et al. 2017, equations 1 to 4 with fo-pooling; X are the last `window` inputs side by side:

        f = σ(W_f X + b_f)        z = tanh(W_z X + b_z)        o = σ(W_o X + b_o)
        c' = f c + (1 - f) z      h' = o c'

    Their zoneout is `zoneout`. Parameters a layer: 3 hidden * (window * in + 1). State: hidden + (window - 1) * in.
    Parallel over time.
    """

    gates: ClassVar[int] = 3
    sigmoids: ClassVar[tuple[str, ...]] = ("f", "1 - f", "o")

    window: Count = 2
    """Inputs that the gates see, the step's own included; zeros before the first."""
    forget_bias: float | None = 1.0
    """Initial b_f; None leaves it uniform."""

    @property
    def leaves(self) -> int:
        return 2

    def make_layer(self, input_size: int) -> ScanLayer:
        layer = super().make_layer(self.window * input_size)
        if self.forget_bias is not None:
            nn.init.constant_(layer.projection.bias[: self.hidden_size], self.forget_bias)
        return layer

    def layer_state(self, layer: nn.Module, x: Float[Tensor, "*batch time in"]) -> State:
        assert isinstance(layer, ScanLayer)
        past = x.new_zeros(*x.shape[:-2], self.window - 1, layer.projection.in_features // self.window)
        return (*super().layer_state(layer, x), past)

    def coefficients(self, layer: nn.Module, gates: Float[Tensor, "*batch time gates"]) -> Coefficients:
        f, z, _ = gates.chunk(3, -1)
        return torch.sigmoid(f), torch.sigmoid(-f) * torch.tanh(z)

    def output(
        self, gates: Float[Tensor, "*batch time gates"], h: Float[Tensor, "*batch time hidden"]
    ) -> Float[Tensor, "*batch time hidden"]:
        return torch.sigmoid(gates.chunk(3, -1)[2]) * h

    @property
    def pointwise(self) -> Pointwise:
        return POINTWISE

    def run_layer(
        self, layer: nn.Module, x: Float[Tensor, "*batch time features"], state: State
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        c, past = state
        seen, past = windows(past, x)
        h, (c,) = super().run_layer(layer, seen, (c,))
        return h, (c, past)
