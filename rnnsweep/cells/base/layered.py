"""A cell made of layers, each of which reads the outputs of the one below."""

import abc
import dataclasses
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base.abstract import AbstractCell
from rnnsweep.dropout import Dropout
from rnnsweep.kernels.dense import LayerNorm
from rnnsweep.types import Count, DropoutRate, State


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
        self.norms = nn.ModuleList(LayerNorm(width) if self.layer_norm else nn.Identity() for width in widths[1:])

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
    def layer_state(self, layer: nn.Module, x: Float[Tensor, "*batch time in"]) -> State:
        """The state of one layer before the first step.

        Args:
            layer: the layer.
            x: the input of the cell; it gives the batch size, the device and the precision.

        Returns:
            `leaves` tensors.
        """

    @abc.abstractmethod
    def run_layer(
        self, layer: nn.Module, x: Float[Tensor, "*batch time features"], state: State
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        """Runs one layer over a sequence.

        Args:
            layer: the layer.
            x: what it reads.
            state: its state before the first step.

        Returns:
            The outputs at all steps, and the state after the last.
        """

    def initial_state(self, x: Float[Tensor, "*batch time in"]) -> State:
        return sum((self.layer_state(layer, x) for layer in self.layers), State())

    def forward(
        self, x: Float[Tensor, "*batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        state, after = state or self.initial_state(x), State()
        for index, layer in enumerate(self.layers):
            read = self.between[index - 1](self.norms[index - 1](x)) if index else x
            y, leaves = self.run_layer(layer, read, state[index * self.leaves : (index + 1) * self.leaves])
            x = x + y if index and self.residual else y
            after += leaves
        return x, after
