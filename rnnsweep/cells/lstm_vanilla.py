"""The LSTM with peepholes and the eight ablations of Greff et al. (2017).

All of it stands in one file, because a run records the hash of its cell's file.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import Layer, RecurrentCell, RecurrentInit
from rnnsweep.dropout import Zoneout
from rnnsweep.kernels import library
from rnnsweep.kernels.dense import linear
from rnnsweep.kernels.functions import complement, sigmoid, sigmoid_slope, tanh, tanh_slope, zero
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values
from rnnsweep.types import State

ForgetGate = Literal["own", "coupled", "none"]


class Switches(NamedTuple):
    """What a variant has. In `forward` and `backward` these are constants to the compiler, which omits what is off."""

    inputs: bool
    own: bool
    """Whether f has weights of its own."""
    coupled: bool
    """f = 1 - i."""
    outputs: bool
    squash_in: bool
    """g = tanh(...)."""
    squash_out: bool
    """h = o tanh(c')."""
    peepholes: bool
    fed: bool
    """The gates read the gates of the step before."""

    @property
    def gates(self) -> int:
        """Sigmoid gates."""
        return self.inputs + self.own + self.outputs

    @property
    def peeks(self) -> tuple[bool, bool, bool]:
        """Which of i, f and o see the memory."""
        return self.peepholes and self.inputs, self.peepholes and self.own, self.peepholes and self.outputs

    @property
    def fed_back(self) -> int:
        """Gates in the state, between the output and the memory."""
        return self.gates * self.fed


@functools.cache
def pointwise(
    inputs: bool, forget: ForgetGate, outputs: bool, squash_in: bool, squash_out: bool, peepholes: bool, fed: bool
) -> Pointwise:
    """The unit of a variant."""
    on = Switches(inputs, forget == "own", forget == "coupled", outputs, squash_in, squash_out, peepholes, fed)
    return Pointwise(
        forward=_forward(on),
        backward=_backward(on),
        gates=1 + on.gates,
        saved=4,
        leaves=2 + on.fed_back,
        feeds=1 + on.fed_back,
        parameters=on.gates * peepholes,
    )


def _forward(on: Switches) -> Callable[[Values, Values, Values, Values], Step]:
    inputs, own, coupled, outputs, squash_in, squash_out, _, _ = on
    has_i, has_f, has_o = int(inputs), int(own), int(outputs)
    f_at, g_at, o_at = has_i, has_i + has_f, has_i + has_f + 1  # among the blocks i, f, g, o that there are
    f_to, o_to = has_i, has_i + has_f  # among the sigmoids i, f, o
    (sees_i, sees_f, sees_o), back, last = on.peeks, on.fed_back, 1 + on.fed_back

    def forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
        c = state[last]
        i = sigmoid(gates[0] + parameters[0] * c if sees_i else gates[0]) if inputs else complement(zero(c))
        f = complement(i) if coupled else complement(zero(c))
        if own:
            f = sigmoid(gates[f_at] + parameters[f_to] * c if sees_f else gates[f_at])
        g = tanh(gates[g_at]) if squash_in else gates[g_at]
        new = f * c + i * g
        o = complement(zero(c))
        if outputs:
            o = sigmoid(gates[o_at] + parameters[o_to] * new if sees_o else gates[o_at])
        h = o * tanh(new) if squash_out else o * new
        open_gates = (i,)[:has_i] + (f,)[:has_f] + (o,)[:has_o]
        return Step(state=(h,) + open_gates[:back] + (new,), saved=(i, f, g, o))  # noqa: RUF005

    return forward


def _backward(on: Switches) -> Callable[[Values, Values, Values, Values, Values], StepGrads]:
    inputs, own, coupled, outputs, squash_in, squash_out, peepholes, fed = on
    has_i, has_f, has_o = int(inputs), int(own), int(outputs)
    f_to, o_to, seen = has_i, has_i + has_f, on.gates * peepholes  # among the sigmoids i, f, o; peepholes
    (sees_i, sees_f, sees_o), back, last = on.peeks, on.fed_back, 1 + on.fed_back
    feeds_i, feeds_f, feeds_o = fed and inputs, fed and own, fed and outputs

    def backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
        (i, f, g, o), c, after = saved, state[last], new[last]
        d_h, d_c, no = grad[0], grad[last], zero(c)
        squashed = tanh(after) if squash_out else after
        d_o = d_h * squashed + grad[1 + o_to] if feeds_o else d_h * squashed
        d_o = d_o * sigmoid_slope(o)
        d_c = d_c + (d_h * o * tanh_slope(squashed) if squash_out else d_h * o)
        d_c = d_c + d_o * parameters[o_to] if sees_o else d_c
        d_g = d_c * i * tanh_slope(g) if squash_in else d_c * i
        d_f = d_c * c + grad[1 + f_to] if feeds_f else d_c * c
        d_f = d_f * sigmoid_slope(f)
        d_i = d_c * (g - c) if coupled else d_c * g
        d_i = (d_i + grad[1] if feeds_i else d_i) * sigmoid_slope(i)
        d_s = d_c * f
        d_s = d_s + d_i * parameters[0] if sees_i else d_s
        d_s = d_s + d_f * parameters[f_to] if sees_f else d_s
        d_x = (d_i,)[:has_i] + (d_f,)[:has_f] + (d_g,) + (d_o,)[:has_o]
        d_p = (d_i * c,)[:has_i] + (d_f * c,)[:has_f] + (d_o * after,)[:has_o]
        return StepGrads(gates=d_x, recurrent=(), state=(no,) + (no, no, no)[:back] + (d_s,), parameters=d_p[:seen])  # noqa: RUF005

    return backward


class PeepholeLayer(Layer):
    """A layer whose sigmoid gates see the memory and one another, through weights of their own.

    peepholes (sigmoids, hidden); weight_gates (sigmoids * hidden, sigmoids * hidden), for the last step's gates;
    `before_g` of the sigmoids stand before the block g.
    """

    def __init__(
        self,
        gates: int,
        input_size: int,
        hidden_size: int,
        init: RecurrentInit,
        zoneout: Zoneout,
        *,
        sigmoids: int,
        before_g: int,
        peepholes: bool,
        gate_recurrence: bool,
    ):
        super().__init__(gates, input_size, hidden_size, init, zoneout)
        self.before_g = before_g * hidden_size
        bound, width = hidden_size**-0.5, sigmoids * hidden_size
        seen, wide = sigmoids * peepholes, width * gate_recurrence
        self.peepholes = nn.Parameter(torch.empty(seen, hidden_size).uniform_(-bound, bound)) if seen else None
        self.weight_gates = nn.Parameter(torch.empty(wide, wide).uniform_(-bound, bound)) if wide else None

    def weights(self) -> list[Tensor | None]:
        """The recurrent matrix with that of the gates beside it, which the block g does not read."""
        if self.weight_gates is None:
            return super().weights()
        before, after = self.weight_gates[..., : self.before_g, :], self.weight_gates[..., self.before_g :, :]
        none = torch.zeros_like(self.weight_gates[..., : self.weight_hh.shape[-1], :])
        gates = torch.cat([before, none, after], -2)
        return [self.weight_ih, torch.cat([self.weight_hh, gates], -1), self.bias_ih, self.bias_hh]


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class LSTMVanilla(RecurrentCell):
    """Greff et al. 2017, section II (the vanilla LSTM of Graves and Schmidhuber 2005), every part a switch:

        i = σ(W_i x + U_i h + p_i c + b_i)      f = σ(W_f x + U_f h + p_f c + b_f)      g = tanh(W_g x + U_g h + b_g)
        c' = f c + i g      o = σ(W_o x + U_o h + p_o c' + b_o)      h' = o tanh(c')

    Their variants: NIG, NFG, NOG (a gate is 1), NIAF, NOAF (a tanh is the identity), CIFG (f = 1 - i), NP, and FGR
    (each gate also reads the three gates of the step before, through nine more matrices).
    Parameters a layer: 4 hidden * (in + hidden + 2) + 3 hidden; a gate that is absent has none; FGR: 9 hidden² more.
    State: 2 hidden (h, c), with FGR 5 hidden (h, i, f, o, c). Sequential over time.
    """

    input_gate: bool = True
    """False: i = 1 (NIG)."""
    forget_gate: ForgetGate = "own"
    """coupled: f = 1 - i (CIFG); none: f = 1 (NFG)."""
    output_gate: bool = True
    """False: o = 1 (NOG)."""
    input_activation: bool = True
    """False: g is linear (NIAF)."""
    output_activation: bool = True
    """False: h' = o c' (NOAF)."""
    peepholes: bool = True
    """False: the gates do not see the memory (NP)."""
    gate_recurrence: bool = False
    """True: the gates see the gates of the step before (FGR)."""
    forget_bias: float | None = 1.0
    """What the two biases of a forget gate of its own sum to at the start; None leaves them uniform."""

    def __post_init__(self) -> None:
        present = {"i": self.input_gate, "f": self.forget_gate == "own", "g": True, "o": self.output_gate}
        # an instance's own, since the switches decide; in torch's order
        self.blocks = tuple(name for name, there in present.items() if there)  # type: ignore[misc]
        self.sigmoids = tuple(name for name in self.blocks if name != "g")  # type: ignore[misc]
        super().__post_init__()

    @property
    def leaves(self) -> int:
        return 2 + len(self.sigmoids) * self.gate_recurrence

    def make_layer(self, input_size: int) -> Layer:
        layer = PeepholeLayer(
            len(self.blocks),
            input_size,
            self.hidden_size,
            self.recurrent_init,
            self.make_zoneout(),
            sigmoids=len(self.sigmoids),
            before_g=self.blocks.index("g"),
            peepholes=self.peepholes,
            gate_recurrence=self.gate_recurrence,
        )
        if "f" in self.blocks:
            layer.start_bias(self.blocks.index("f"), self.forget_bias)
        return layer

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        assert isinstance(layer, PeepholeLayer)
        h, *before, c = state
        parts = dict(zip(self.blocks, (gates + layer.recurrent(h)).chunk(len(self.blocks), -1), strict=True))
        if layer.weight_gates is not None:
            seen = linear(torch.cat(before, -1), layer.weight_gates, None).chunk(len(self.sigmoids), -1)
            parts |= {name: parts[name] + share for name, share in zip(self.sigmoids, seen, strict=True)}
        open_ = {name: self._gate(layer, name, parts, c) for name in self.sigmoids if name != "o"}
        i = open_.get("i", torch.ones_like(c))
        f = open_["f"] if "f" in open_ else 1 - i if self.forget_gate == "coupled" else torch.ones_like(c)
        c = f * c + i * (torch.tanh(parts["g"]) if self.input_activation else parts["g"])
        h = torch.tanh(c) if self.output_activation else c
        if self.output_gate:
            open_["o"] = self._gate(layer, "o", parts, c)
            h = open_["o"] * h
        return (h, *(open_.values() if self.gate_recurrence else ()), c)

    def _gate(self, layer: PeepholeLayer, name: str, parts: dict[str, Tensor], c: Tensor) -> Tensor:
        before = parts[name]
        if layer.peepholes is not None:
            before = before + layer.peepholes[self.sigmoids.index(name)] * c
        return torch.sigmoid(before)

    @property
    def library(self) -> LibraryKernel | None:
        gates = self.input_gate and self.forget_gate == "own" and self.output_gate
        activations = self.input_activation and self.output_activation
        return library.lstm if gates and activations and not self.peepholes and not self.gate_recurrence else None

    def units(self, layer: Layer) -> list[Float[Tensor, "*member hidden"]]:
        assert isinstance(layer, PeepholeLayer)
        return list(layer.peepholes.unbind(-2)) if layer.peepholes is not None else []

    @property
    def pointwise(self) -> Pointwise:
        activations = self.input_activation, self.output_activation
        switches = self.input_gate, self.forget_gate, self.output_gate, *activations
        return pointwise(*switches, self.peepholes, self.gate_recurrence)
