"""The layer-normalised long short-term memory of Ba et al. (2016)."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.base import Layer, RecurrentCell, RecurrentInit
from rnnsweep.dropout import Zoneout
from rnnsweep.kernels.dense import linear
from rnnsweep.kernels.functions import sigmoid, sigmoid_slope, tanh, tanh_slope, zero
from rnnsweep.kernels.pointwise import HalfGrads, Normalised, Values
from rnnsweep.types import State


def memorise(gates: Values, state: Values) -> Values:
    """The new memory and the gates, as in the class below."""
    (x_i, x_f, x_g, x_o), (_, c) = gates, state
    i, f, g, o = sigmoid(x_i), sigmoid(x_f), tanh(x_g), sigmoid(x_o)
    return (f * c + i * g, i, f, g, o)


def memorise_backward(grad: Values, middle: Values, state: Values) -> HalfGrads:
    (d_c, _, _, _, d_o), (_, i, f, g, o), (_, c) = grad, middle, state
    d_i, d_f = d_c * g * sigmoid_slope(i), d_c * c * sigmoid_slope(f)
    return HalfGrads(gates=(d_i, d_f, d_c * i * tanh_slope(g), d_o * sigmoid_slope(o)), state=(zero(c), d_c * f))


def recall(normal: float, middle: Values) -> Values:
    """The output and the new memory."""
    c, _, _, _, o = middle
    return (o * tanh(normal), c)


def recall_backward(grad: Values, normal: float, middle: Values) -> tuple[float, Values]:
    (d_h, d_c), (_, _, _, _, o), no = grad, middle, zero(normal)
    y = tanh(normal)
    return d_h * o * tanh_slope(y), (d_c, no, no, no, d_h * y)


POINTWISE = Normalised(
    early=memorise,
    early_backward=memorise_backward,
    late=recall,
    late_backward=recall_backward,
    gates=4,
    leaves=2,
    middle=5,
)


class NormalisedLayer(Layer):
    """A layer without biases but those of its norms, which start at 0 as their gains at 1.

    gain_ih, gain_hh, bias_ih, bias_hh (gates * hidden,) of the inputs' and the recurrent share; gain_c and bias_c
    (hidden,) of the memory.
    """

    def __init__(self, gates: int, input_size: int, hidden_size: int, init: RecurrentInit, zoneout: Zoneout):
        super().__init__(gates, input_size, hidden_size, init, zoneout)
        self.gain_ih, self.gain_hh = (nn.Parameter(torch.ones(gates * hidden_size)) for _ in range(2))
        self.gain_c, self.bias_c = nn.Parameter(torch.ones(hidden_size)), nn.Parameter(torch.zeros(hidden_size))
        for bias in (self.bias_ih, self.bias_hh):
            nn.init.zeros_(bias)

    def project(self, x: Float[Tensor, "*batch time in"]) -> Float[Tensor, "*batch time gates"]:
        return F.layer_norm(linear(x, self.weight_ih, None), self.bias_ih.shape, self.gain_ih, self.bias_ih)

    def recurrent(self, h: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "*batch gates"]:
        return F.layer_norm(torch.mm(h, self.weight_hh.T), self.bias_hh.shape, self.gain_hh, self.bias_hh)

    def weights(self) -> list[Tensor | None]:
        return [self.weight_ih, self.weight_hh, None, None]


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class LSTMLayerNorm(RecurrentCell):
    """Ba et al. 2016, eqs. 20 to 22; N normalises a vector, gains α and biases β are learned:

        i, f, g, o before their nonlinearities = α_x N(W x) + β_x + α_h N(U h) + β_h     N over all four gates at once
        c' = σ(f) c + σ(i) tanh(g)              h' = σ(o) tanh(α_c N(c') + β_c)

    Their further bias b is a part of β. Parameters a layer: 4 hidden * (in + hidden + 4) + 2 hidden.
    State: 2 hidden (h, c). Sequential over time.
    """

    gates: ClassVar[int] = 4
    blocks: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    sigmoids: ClassVar[tuple[str, ...]] = ("f", "i", "o")

    forget_bias: float = 1.0
    """What the two forget biases sum to at the start."""

    @property
    def leaves(self) -> int:
        return 2

    def make_layer(self, input_size: int) -> Layer:
        parts = self.gates, input_size, self.hidden_size, self.recurrent_init, self.make_zoneout()
        layer = NormalisedLayer(*parts)
        layer.start_bias(1, self.forget_bias)
        return layer

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        assert isinstance(layer, NormalisedLayer)
        h, c = state
        i, f, g, o = (gates + layer.recurrent(h)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(F.layer_norm(c, layer.gain_c.shape, layer.gain_c, layer.bias_c)), c

    def units(self, layer: Layer) -> list[Float[Tensor, "*member hidden"]]:
        assert isinstance(layer, NormalisedLayer)
        of_gates = (layer.gain_ih, layer.gain_hh, layer.bias_ih + layer.bias_hh)
        return [*(block for each in of_gates for block in each.chunk(4, -1)), layer.gain_c, layer.bias_c]

    @property
    def pointwise(self) -> Normalised:
        return POINTWISE
