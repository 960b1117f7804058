"""The families of cells. A family writes `forward` once; a cell supplies only its mathematics."""

import abc
import dataclasses
from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep import kernels
from rnnsweep.dropout import Dropout
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.types import Count, DropoutRate, State

CellFactory = Callable[[int], "AbstractCell"]
"""From the number of input features to a cell."""

RecurrentInit = Literal["orthogonal", "uniform", "identity"]


class AbstractCell(nn.Module, abc.ABC):
    """A causal map from sequence to sequence that carries its past in `state`.

    The splice law holds for every cell: `forward` over a sequence equals `forward` over its pieces
    with the state carried. One time step is `forward` with time = 1.
    """

    input_size: int
    hidden_size: int

    @abc.abstractmethod
    def initial_state(self, x: Float[Tensor, "batch time in"]) -> State:
        """The state before the first step, on the device and in the precision of `x`."""

    @abc.abstractmethod
    def forward(
        self, x: Float[Tensor, "batch time in"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """The outputs at all steps and the state after the last; an empty `state` starts from the beginning."""


class Layer(nn.Module):
    """The weights of one recurrent layer, `gates` blocks of `hidden_size` rows each, in torch's order.

    weight_ih (gates * hidden, in), weight_hh (gates * hidden, hidden), bias_ih and bias_hh (gates * hidden,).
    Input weights and biases start as nn.GRU's do, uniform in ±1/sqrt(hidden), the recurrent matrix of each gate
    as `init` says: orthogonal (Saxe et al. 2014), uniform, or the identity (Le et al. 2015).
    """

    def __init__(self, gates: int, input_size: int, hidden_size: int, init: RecurrentInit):
        super().__init__()
        rows, bound = gates * hidden_size, hidden_size**-0.5
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(rows).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(rows).uniform_(-bound, bound))
        for block in self.weight_hh.chunk(gates) if init != "uniform" else ():
            nn.init.orthogonal_(block) if init == "orthogonal" else nn.init.eye_(block)

    def recurrent(self, h: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch gates"]:
        """weight_hh h + bias_hh, as one addmm: under vmap F.linear takes a slower way."""
        return torch.addmm(self.bias_hh, h, self.weight_hh.T)

    def weights(self) -> list[Tensor]:
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class RecurrentCell(AbstractCell):
    """h_t = f(x_t, h_{t-1}), layer upon layer, with dropout between the layers.

    A leaf class says how many gates and state tensors a layer has, writes one step, and names the library's
    kernel for the same mathematics if there is one. The state is a flat tuple: layer by layer, `leaves` tensors
    of (batch, hidden) each, the output first.
    """

    gates: ClassVar[int]
    leaves: ClassVar[int] = 1

    input_size: int = dataclasses.field(kw_only=False)
    """Features of an input step."""
    hidden_size: Count = 256
    """Features of the state and the output."""
    num_layers: Count = 1
    """Layers; each reads the outputs of the one below."""
    dropout: DropoutRate = 0.0
    """Share of the features dropped between layers in training; with one layer there is nothing between."""
    recurrent_init: RecurrentInit = "orthogonal"
    """How each gate's recurrent matrix starts."""

    def __post_init__(self) -> None:
        super().__init__()
        widths = [self.input_size] + [self.hidden_size] * (self.num_layers - 1)
        self.layers = nn.ModuleList(Layer(self.gates, width, self.hidden_size, self.recurrent_init) for width in widths)
        self.between = nn.ModuleList(Dropout(self.dropout) for _ in widths[1:])

    @abc.abstractmethod
    def step(self, layer: Layer, gates: Float[Tensor, "batch gates"], state: State) -> State:
        """One step of one layer, given the inputs' share of the gates (weight_ih x_t + bias_ih)."""

    @property
    def library(self) -> LibraryKernel | None:
        """The library's kernel for one layer, or None."""
        return None

    def initial_state(self, x: Float[Tensor, "batch time in"]) -> State:
        zeros = x.new_zeros(x.shape[0], self.hidden_size)
        return (zeros,) * (self.leaves * len(self.layers))

    def forward(
        self, x: Float[Tensor, "batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        state, after = state or self.initial_state(x), State()
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            below = state[index * self.leaves : (index + 1) * self.leaves]
            x, leaves = self._layer(layer, self.between[index - 1](x) if index else x, below)
            after += leaves
        return x, after

    def _layer(self, layer: Layer, x: Tensor, state: State) -> tuple[Tensor, State]:
        if self.library is not None and kernels.execution() == "library":
            return self.library(x, state, layer.weights())
        outputs = []
        for gates in F.linear(x, layer.weight_ih, layer.bias_ih).unbind(1):  # all steps' inputs in one product
            state = self.step(layer, gates, state)
            outputs.append(state[0])
        return torch.stack(outputs, 1), state


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

    def __post_init__(self) -> None:
        super().__init__()

    @abc.abstractmethod
    def read(self, windows: Float[Tensor, "batch time window_in"]) -> Float[Tensor, "batch time hidden"]:
        """The outputs from the windows, each laid out oldest input first (window * in features)."""

    def initial_state(self, x: Float[Tensor, "batch time in"]) -> State:
        return (x.new_zeros(x.shape[0], self.window - 1, x.shape[2]),)

    def forward(
        self, x: Float[Tensor, "batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        (past,) = state or self.initial_state(x)
        seen = torch.cat([past, x], 1)  # (batch, window - 1 + time, in)
        windows = torch.cat([seen[:, lag : lag + x.shape[1]] for lag in range(self.window)], 2)
        return self.read(windows), (seen[:, x.shape[1] :],)
