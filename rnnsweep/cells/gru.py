"""The gated recurrent unit of Cho et al. (2014), in the form that nn.GRU and cuDNN compute."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.kernels import library
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.types import State


class GRU(RecurrentCell):
    """Cho et al. 2014, with the reset gate applied after the recurrent product (Appleyard et al. 2016):

        r = σ(W_r x + b_r + U_r h + c_r)        z = σ(W_z x + b_z + U_z h + c_z)
        n = tanh(W_n x + b_n + r (U_n h + c_n)) h' = (1 - z) n + z h

    Parameters a layer: 3 hidden * (in + hidden + 2). State: hidden. Sequential over time.
    """

    gates: ClassVar[int] = 3

    def step(self, layer: Layer, gates: Float[Tensor, "batch gates"], state: State) -> State:
        (h,) = state
        r_x, z_x, n_x = gates.chunk(3, -1)
        r_h, z_h, n_h = layer.recurrent(h).chunk(3, -1)
        r = torch.sigmoid(r_x + r_h)
        z = torch.sigmoid(z_x + z_h)
        n = torch.tanh(n_x + r * n_h)
        return (n + z * (h - n),)

    @property
    def library(self) -> LibraryKernel:
        return library.gru
