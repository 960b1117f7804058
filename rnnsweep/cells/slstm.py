"""The sLSTM of xLSTM (Beck et al. 2024): an LSTM with exponential gates, a normaliser and heads."""

import dataclasses
import math
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.base import Layer, RecurrentCell, RecurrentInit, head_size
from rnnsweep.dropout import Zoneout
from rnnsweep.kernels.functions import (
    at_least,
    complement,
    exp,
    larger,
    log_sigmoid,
    sigmoid,
    sigmoid_slope,
    tanh,
    tanh_slope,
    zero,
)
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values
from rnnsweep.types import Count, State


def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """A unit's step with the sigmoid forget gate, as in the class below."""
    (x_i, x_f, x_z, x_o), (_, c, n, m) = gates, state
    log_f = log_sigmoid(x_f) + m
    m = larger(log_f, x_i)
    forget, write = exp(log_f - m), exp(x_i - m)
    z, o = tanh(x_z), sigmoid(x_o)
    c = forget * c + write * z
    n = forget * n + write
    return Step(state=(o * c / n, c, n, m), saved=(forget, write, z, o, complement(sigmoid(x_f))))


def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h, d_c, d_n, d_m), (forget, write, z, o, slope_f), (_, c, n, _) = grad, saved, state
    ratio = new[1] / new[2]
    d_ratio = d_h * o / new[2]
    d_c, d_n = d_c + d_ratio, d_n - d_ratio * ratio
    d_forget, d_write = (d_c * c + d_n * n) * forget, (d_c * z + d_n) * write  # of their logarithms
    d_m = d_m - d_forget - d_write
    first = at_least(forget, write)  # the larger one is m, and its factor 1
    d_f, d_i = d_forget + first * d_m, d_write + complement(first) * d_m
    d_z, d_o = d_c * write * tanh_slope(z), d_h * ratio * sigmoid_slope(o)
    d_gates, d_state = (d_i, d_f * slope_f, d_z, d_o), (zero(d_h), d_c * forget, d_n * forget, d_f)
    return StepGrads(gates=d_gates, recurrent=(), state=d_state, parameters=())


POINTWISE = Pointwise(forward=forward, backward=backward, gates=4, leaves=4, saved=5)


class HeadLayer(Layer):
    """A layer whose heads do not see one another: weight_hh (heads, gates * hidden / heads, hidden / heads)."""

    def __init__(
        self, gates: int, input_size: int, hidden_size: int, init: RecurrentInit, zoneout: Zoneout, heads: int
    ):
        # Layer draws a whole recurrent matrix, which the heads' matrices replace. Not to draw it would change what the
        # layers above draw, and so the results of all seeds.
        super().__init__(gates, input_size, hidden_size, init, zoneout)
        size = hidden_size // heads
        parts = [Layer(gates, 1, size, init, zoneout).weight_hh.detach() for _ in range(heads)]
        self.weight_hh = nn.Parameter(torch.stack(parts))

    def recurrent(self, h: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "*batch gates"]:
        heads, rows, size = self.weight_hh.shape
        parts = h.view(-1, heads, size).transpose(0, 1) @ self.weight_hh.mT  # (head, batch, gates * size)
        return parts.view(heads, -1, rows // size, size).permute(1, 2, 0, 3).flatten(1) + self.bias_hh


class MemoryZoneout(Zoneout):
    """Zoneout where c, n and m are one memory, c e^m over n e^m: a feature keeps all three of them or none."""

    def masks(self, time: int, state: State) -> Tensor | None:
        two = super().masks(time, state[:2])  # of h and of the memory
        return None if two is None else torch.cat([two, two[:, 1:], two[:, 1:]], 1)

    def forward(self, new: State, old: State, masks: Tensor | None, t: int) -> State:
        if not self.active or masks is not None:
            return super().forward(new, old, masks, t)
        (h,) = super().forward(new[:1], old[:1], None, t)
        m = torch.maximum(new[3], old[3])
        share = self.rate.to(h)
        a, b = (1 - share) * torch.exp(new[3] - m), share * torch.exp(old[3] - m)
        return h, a * new[1] + b * old[1], a * new[2] + b * old[2], m


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class SLSTM(RecurrentCell):
    """Beck et al. 2024, section 2.2, equations (8) to (17):

        i = exp(i~), f = σ(f~) or exp(f~), o = σ(o~), z = tanh(z~), each ~ = W x + b + U h + d
        c' = f c + i z          n' = f n + i          h' = o c' / n'

    The exponentials overflow, the ratio does not: c and n are kept as multiples of e^m, with the stabiliser
    m' = max(log f + m, i~), so that all factors are at most 1 and n is at least 1. Each U multiplies the state of its
    own head alone. Before the first step m is minus infinity: e^m times zero is what is in the memory.
    The cell alone, without the blocks (convolution, group norm, up-projection) that the paper builds around it.
    Parameters a layer: 4 hidden * (in + hidden / heads + 2). State: 4 hidden (h, c, n, m). Sequential over time.
    """

    gates: ClassVar[int] = 4
    blocks: ClassVar[tuple[str, ...]] = ("i", "f", "z", "o")
    sigmoids: ClassVar[tuple[str, ...]] = ("o",)
    divisor: ClassVar[str | None] = "heads"
    linear_state: ClassVar[bool] = False

    heads: Count = 1
    """Parts of the state that do not see one another within the layer; their number divides hidden_size."""
    forget_gate: Literal["sigmoid", "exponential"] = "sigmoid"
    """The paper allows both."""
    forget_bias: float | None = 1.0
    """What the two forget biases sum to at the start; None leaves them uniform."""

    def __post_init__(self) -> None:
        head_size(self.hidden_size, self.heads)
        super().__post_init__()

    @property
    def leaves(self) -> int:
        return 4

    def make_layer(self, input_size: int) -> Layer:
        parts = self.gates, input_size, self.hidden_size, self.recurrent_init, self.make_zoneout()
        layer = Layer(*parts) if self.heads == 1 else HeadLayer(*parts, self.heads)
        layer.start_bias(1, self.forget_bias)
        return layer

    def make_zoneout(self) -> Zoneout:
        return MemoryZoneout(self.zoneout)

    @property
    def pointwise(self) -> Pointwise | None:
        return POINTWISE if self.heads == 1 and self.forget_gate == "sigmoid" else None

    def layer_state(self, layer: nn.Module, x: Float[Tensor, "*batch time in"]) -> State:
        h, c, n, m = super().layer_state(layer, x)
        return h, c, n, torch.full_like(m, -math.inf)

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        h, c, n, m = state
        i, f, z, o = (gates + layer.recurrent(h)).chunk(4, -1)
        log_f = F.logsigmoid(f) if self.forget_gate == "sigmoid" else f
        kept = log_f + m
        m = torch.maximum(kept, i)
        forget, write = torch.exp(kept - m), torch.exp(i - m)
        c = forget * c + write * torch.tanh(z)
        n = forget * n + write
        return torch.sigmoid(o) * c / n, c, n, m
