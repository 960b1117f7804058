"""The simple recurrent network of Elman (1990)."""

import dataclasses
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.kernels import library
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.types import State


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class RNN(RecurrentCell):
    """h_t = f(W x_t + b + U h_{t-1} + c), f = tanh or relu (Elman 1990).

    Parameters a layer: hidden * (in + hidden + 2). State: hidden. Sequential over time.
    `recurrent_init=identity` with `nonlinearity=relu` is the IRNN of Le et al. 2015 (without its zero biases).
    """

    gates: ClassVar[int] = 1

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def step(self, layer: Layer, gates: Float[Tensor, "batch gates"], state: State) -> State:
        before = gates + layer.recurrent(state[0])
        return (torch.tanh(before) if self.nonlinearity == "tanh" else torch.relu(before),)

    @property
    def library(self) -> LibraryKernel:
        return library.rnn_tanh if self.nonlinearity == "tanh" else library.rnn_relu
