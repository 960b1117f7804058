"""The families of cells. A family writes `forward` once; a cell supplies its mathematics."""

import abc
import dataclasses
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep import kernels
from rnnsweep.dropout import DropConnect, Dropout, Zoneout
from rnnsweep.errors import ConfigError
from rnnsweep.kernels import fused
from rnnsweep.kernels.dense import linear
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.kernels.pointwise import Normalised, Pointwise
from rnnsweep.types import LATER, Count, DropoutRate, State

CellFactory = Callable[[int], "AbstractCell"]
"""From the number of input features to a cell."""

RecurrentInit = Literal["orthogonal", "uniform", "identity"]


class AbstractCell(nn.Module, abc.ABC):
    """A causal map from sequence to sequence that carries its past in a state.

    One law holds for every cell: `forward` over a sequence equals `forward` over its pieces, with the state carried
    from piece to piece. One time step is `forward` with time = 1.
    """

    divisor: ClassVar[str | None] = None
    """The setting, if any, whose number must divide hidden_size, such as `heads`."""
    linear_state: ClassVar[bool] = True
    """Whether a linear map of a state gives a valid state. It does not where a part is a logarithm, a divisor or a
    mask."""
    input_size: int
    """Features of an input step."""
    hidden_size: int
    """Features of an output step."""
    bidirectional: bool = False
    """Whether an encoder reads whole sequences from the end, too, with a second cell: see models/encoder.py."""

    @abc.abstractmethod
    def initial_state(self, x: Float[Tensor, "batch time in"]) -> State:
        """The state before the first step.

        Args:
            x: the input. It gives the batch size, the device and the precision.

        Returns:
            A flat tuple of tensors, each (batch, ...).
        """

    @abc.abstractmethod
    def forward(
        self, x: Float[Tensor, "batch time in"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Reads a sequence.

        Args:
            x: the input.
            state: the state before the first step; an empty one starts from the beginning.

        Returns:
            The outputs at all steps, and the state after the last.
        """

    def runs_as(self, how: kernels.Execution) -> kernels.Execution | None:
        """The execution that this cell uses where `how` is asked for; None where it has no recurrence."""
        return None


def causal(cell: AbstractCell) -> AbstractCell:
    """Checks that a cell reads in one direction, for models that predict the next step.

    Returns:
        The same cell.

    Raises:
        ConfigError: the cell is bidirectional.
    """
    if cell.bidirectional:
        problem = "this task predicts what comes next, so its cell must not read from the end; use false"
        raise ConfigError("cell.bidirectional", problem)
    return cell


def head_size(hidden_size: int, heads: int) -> int:
    """Features of one head.

    Args:
        hidden_size: features of all heads together.
        heads: how many there are.

    Raises:
        ConfigError: the number of heads does not divide `hidden_size`.
    """
    if hidden_size % heads:
        problem = f"{heads} heads do not divide `cell.hidden_size` = {hidden_size}; use a multiple"
        raise ConfigError("cell.hidden_size", problem, ("cell.heads",))
    return hidden_size // heads


class Layer(nn.Module):
    """The weights of one recurrent layer, `gates` blocks of `hidden_size` rows each, in torch's order.

    weight_ih (gates * hidden, in), weight_hh (gates * hidden, hidden), bias_ih and bias_hh (gates * hidden,).
    Input weights and biases start as nn.GRU's do, uniform in ±1/sqrt(hidden).

    Args:
        gates: blocks of rows.
        input_size: features that the layer reads.
        hidden_size: features of its output.
        init: how the recurrent matrix of each gate starts: orthogonal (Saxe et al. 2014), uniform, or the identity
            (Le et al. 2015).
        zoneout: what of the state training keeps; the cell's `make_zoneout` makes it.
    """

    def __init__(self, gates: int, input_size: int, hidden_size: int, init: RecurrentInit, zoneout: Zoneout):
        super().__init__()
        self.hidden_size, self.zoneout = hidden_size, zoneout
        rows, bound = gates * hidden_size, hidden_size**-0.5
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(rows).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(rows).uniform_(-bound, bound))
        for block in self.weight_hh.chunk(gates) if init != "uniform" else ():
            nn.init.orthogonal_(block) if init == "orthogonal" else nn.init.eye_(block)

    def start_bias(self, gate: int, value: float | None) -> None:
        """Sets what the two biases of a gate sum to at the start.

        Args:
            gate: the place of the gate among the blocks of rows.
            value: the sum; None leaves the biases as they were drawn.
        """
        if value is None:
            return
        rows = slice(gate * self.hidden_size, (gate + 1) * self.hidden_size)
        nn.init.constant_(self.bias_ih[rows], value)
        nn.init.zeros_(self.bias_hh[rows])

    def recurrent(self, h: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch gates"]:
        """weight_hh h + bias_hh, as one addmm: under vmap F.linear takes a slower way."""
        return torch.addmm(self.bias_hh, h, self.weight_hh.T)

    def project(self, x: Float[Tensor, "batch time in"]) -> Float[Tensor, "batch time gates"]:
        """weight_ih x + bias_ih at all steps, in one product."""
        return linear(x, self.weight_ih, self.bias_ih)

    def weights(self) -> list[Tensor | None]:
        """The weights in the order of torch.gru; None for one that the layer does not have."""
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class LayeredCell(AbstractCell):
    """Layers, each of which reads the outputs of the one below. Dropout, norms and residuals stand between two layers.

    A family supplies `make_layer`, `layer_state` and `run_layer`. The state is a flat tuple: `leaves` tensors for the
    first layer, then as many for the second, and so on.
    """

    sigmoids: ClassVar[tuple[str, ...]] = ()
    """Names of the gates that a layer passes through torch.sigmoid, in that order. The diagnostics read them."""

    input_size: int = dataclasses.field(kw_only=False)
    """Features of an input step."""
    hidden_size: Count = 256
    """Features of a layer's output."""
    num_layers: Count = 1
    """Layers; each reads the outputs of the one below."""
    dropout: DropoutRate = 0.0
    """Share of the features dropped between layers in training; no effect with one layer."""
    variational: bool = False
    """Dropout between layers drops the same features at all steps of a sequence (Gal and Ghahramani 2016)."""
    residual: bool = False
    """Each layer but the first adds its outputs to what it reads (Wu et al. 2016, eq. 6)."""
    layer_norm: bool = False
    """What a layer reads from the one below is normalised first (Ba et al. 2016)."""
    match_params: Count | None = None
    """Parameters of the whole model; run/objects.py chooses the hidden_size that comes nearest."""
    bidirectional: bool = False
    """A second cell reads from the end, where a task reads whole sequences; the outputs stand side by side."""

    def __post_init__(self) -> None:
        super().__init__()
        widths = [self.input_size] + [self.hidden_size] * (self.num_layers - 1)
        self.layers = nn.ModuleList(self.make_layer(width) for width in widths)
        self.between = nn.ModuleList(Dropout(self.dropout, self.variational) for _ in widths[1:])
        self.norms = nn.ModuleList(nn.LayerNorm(width) if self.layer_norm else nn.Identity() for width in widths[1:])

    @property
    def leaves(self) -> int:
        """State tensors of a layer."""
        return 1

    @abc.abstractmethod
    def make_layer(self, input_size: int) -> nn.Module:
        """Makes the weights of one layer.

        Args:
            input_size: features that the layer reads.
        """

    @abc.abstractmethod
    def layer_state(self, layer: nn.Module, x: Float[Tensor, "batch time in"]) -> State:
        """The state of one layer before the first step.

        Args:
            layer: the layer.
            x: the input of the cell; it gives the batch size, the device and the precision.

        Returns:
            `leaves` tensors.
        """

    @abc.abstractmethod
    def run_layer(
        self, layer: nn.Module, x: Float[Tensor, "batch time features"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Runs one layer over a sequence.

        Args:
            layer: the layer.
            x: what it reads.
            state: its state before the first step.

        Returns:
            The outputs at all steps, and the state after the last.
        """

    def initial_state(self, x: Float[Tensor, "batch time in"]) -> State:
        return sum((self.layer_state(layer, x) for layer in self.layers), State())

    def forward(
        self, x: Float[Tensor, "batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        state, after = state or self.initial_state(x), State()
        for index, layer in enumerate(self.layers):
            read = self.between[index - 1](self.norms[index - 1](x)) if index else x
            y, leaves = self.run_layer(layer, read, state[index * self.leaves : (index + 1) * self.leaves])
            x = x + y if index and self.residual else y
            after += leaves
        return x, after


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class RecurrentCell(LayeredCell):
    """h_t = f(x_t, h_{t-1}), in layers.

    A subclass sets `gates`, overrides `leaves` where a layer's state has more than one tensor, and writes `step`. It
    may name torch's kernel for the same mathematics (`library`) and describe a unit for the compiled kernel
    (`pointwise`). A layer's state is `leaves` tensors of (batch, hidden), the output first.

    Example:
        class Leaky(RecurrentCell):
            gates = 1

            def step(self, layer, gates, state):
                return (0.9 * state[0] + 0.1 * torch.tanh(gates + layer.recurrent(state[0])),)
    """

    gates: ClassVar[int]
    """Blocks of rows of a layer's matrices."""
    blocks: ClassVar[tuple[str, ...]] = ()
    """Names of the gates in the order of the rows."""

    recurrent_init: RecurrentInit = "orthogonal"
    """How each gate's recurrent matrix starts."""
    zoneout: DropoutRate = 0.0
    """Share of the state's features that training keeps from the step before (Krueger et al. 2017)."""
    weight_dropout: Annotated[DropoutRate, LATER] = 0.0
    """Share of the recurrent weights that training drops, the same ones at all steps (Merity et al. 2018)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.drop_connect = nn.ModuleList(DropConnect(self.weight_dropout) for _ in self.layers)
        if self.weight_dropout and any(layer._parameters.get("weight_hh") is None for layer in self.layers):
            raise ConfigError("cell.weight_dropout", "this cell has no recurrent matrix `weight_hh`; use 0")

    def forward(
        self, x: Float[Tensor, "batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        with ExitStack() as blocks:
            for layer, drop in zip(self.layers, self.drop_connect, strict=True):
                assert isinstance(drop, DropConnect)
                blocks.enter_context(drop.on(layer, "weight_hh"))
            return super().forward(x, state)

    def make_layer(self, input_size: int) -> Layer:
        return Layer(self.gates, input_size, self.hidden_size, self.recurrent_init, self.make_zoneout())

    def make_zoneout(self) -> Zoneout:
        """One layer's zoneout."""
        return Zoneout(self.zoneout)

    @abc.abstractmethod
    def step(self, layer: Layer, gates: Float[Tensor, "batch gates"], state: State) -> State:
        """One step of one layer.

        Args:
            layer: the weights.
            gates: what the input adds to the gates, weight_ih x_t + bias_ih.
            state: the state before the step, `leaves` tensors of (batch, hidden).

        Returns:
            The state after the step; its first tensor is the output.
        """

    @property
    def library(self) -> LibraryKernel | None:
        """Torch's kernel for one layer, or None."""
        return None

    @property
    def pointwise(self) -> Pointwise | Normalised | None:
        """The mathematics of one unit, from which the fused kernel is compiled; None: the cell has no fused kernel."""
        return None

    def runs_as(self, how: kernels.Execution) -> kernels.Execution:
        """`how`, or the scan where the cell has no such kernel or uses zoneout."""
        there = {"library": self.library is not None, "fused": self.pointwise is not None, "scan": True}
        return how if there[how] and not self.zoneout else "scan"

    def units(self, layer: Layer) -> list[Float[Tensor, "hidden"]]:
        """The parameters of a layer that have one number for each unit, in the order of `pointwise`."""
        return []

    def layer_state(self, layer: nn.Module, x: Float[Tensor, "batch time in"]) -> State:
        return (x.new_zeros(x.shape[0], self.hidden_size),) * self.leaves

    def run_layer(
        self, layer: nn.Module, x: Float[Tensor, "batch time features"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        assert isinstance(layer, Layer)
        how = self.runs_as(kernels.execution())
        if how == "library" and self.library is not None:
            return self.library(x, state, [weight for weight in layer.weights() if weight is not None])
        if how == "fused" and self.pointwise is not None and fused.serves(x):
            return fused.layer(self.pointwise, x, state, layer.weights(), self.units(layer))
        outputs, kept = [], layer.zoneout.masks(x.shape[1], state)
        for t, gates in enumerate(layer.project(x).unbind(1)):
            state = layer.zoneout(self.step(layer, gates, state), state, kept, t)
            outputs.append(state[0])
        return torch.stack(outputs, 1), state


def windows(
    past: Float[Tensor, "batch before in"], x: Float[Tensor, "batch time in"], dilation: int = 1
) -> tuple[Float[Tensor, "batch time window_in"], Float[Tensor, "batch before in"]]:
    """The window of each step: its own input and those before it, the oldest first.

    Args:
        past: the inputs before the first step.
        x: the inputs.
        dilation: take every so many-th of the earlier inputs.

    Returns:
        The windows, each laid out as one vector, and the past of the next call.
    """
    seen, time = torch.cat([past, x], 1), x.shape[1]
    lags = range(0, past.shape[1] + 1, dilation)
    return torch.cat([seen[:, lag : lag + time] for lag in lags], 2), seen[:, time:]


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class WindowCell(AbstractCell):
    """No recurrence: the output at a step is a function of the last `window` inputs, zeros before the first.

    The state is the `window - 1` inputs that the next step still sees, (batch, window - 1, in).
    """

    input_size: int = dataclasses.field(kw_only=False)
    """Features of an input step."""
    hidden_size: Count = 256
    """Features of the output."""
    window: Count = 16
    """Inputs that an output sees, its own included."""
    match_params: Count | None = None
    """Parameters of the whole model; run/objects.py chooses the hidden_size that comes nearest."""

    def __post_init__(self) -> None:
        super().__init__()

    @abc.abstractmethod
    def read(self, windows: Float[Tensor, "batch time window_in"]) -> Float[Tensor, "batch time hidden"]:
        """The outputs from the windows, each of window * in features, the oldest input first."""

    def initial_state(self, x: Float[Tensor, "batch time in"]) -> State:
        return (x.new_zeros(x.shape[0], self.window - 1, x.shape[2]),)

    def forward(
        self, x: Float[Tensor, "batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        (past,) = state or self.initial_state(x)
        seen, past = windows(past, x)
        return self.read(seen), (past,)
