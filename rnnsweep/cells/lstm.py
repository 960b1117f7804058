"""The long short-term memory of Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000)."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.kernels import library
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.types import State


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class LSTM(RecurrentCell):
    """Hochreiter and Schmidhuber 1997, Gers et al. 2000; no peepholes, as nn.LSTM:

        i, f, o = σ(W x + b + U h + c)    g = tanh(W_g x + b_g + U_g h + c_g)
        c' = f c + i g                    h' = o tanh(c')

    Parameters a layer: 4 hidden * (in + hidden + 2). State: 2 hidden (h, c). Sequential over time.
    """

    gates: ClassVar[int] = 4  # in torch's order: i, f, g, o
    leaves: ClassVar[int] = 2

    forget_bias: float | None = 1.0
    """What the two forget biases sum to at the start (Gers et al. 2000; Jozefowicz et al. 2015 recommend 1); None
    leaves them uniform, as nn.LSTM does."""

    def __post_init__(self) -> None:
        super().__post_init__()
        forget = slice(self.hidden_size, 2 * self.hidden_size)
        for layer in self.layers if self.forget_bias is not None else ():
            assert isinstance(layer, Layer)
            nn.init.constant_(layer.bias_ih[forget], self.forget_bias or 0.0)
            nn.init.zeros_(layer.bias_hh[forget])

    def step(self, layer: Layer, gates: Float[Tensor, "batch gates"], state: State) -> State:
        h, c = state
        i, f, g, o = (gates + layer.recurrent(h)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    @property
    def library(self) -> LibraryKernel:
        return library.lstm
