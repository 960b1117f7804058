"""The simple recurrent network of Elman (1990)."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from rnnsweep.cells.base import Layer, RecurrentCell, RecurrentInit
from rnnsweep.kernels import library
from rnnsweep.kernels.library import LibraryKernel
from rnnsweep.types import Count, Rate, State


class RNN(RecurrentCell):
    """h_t = f(W x_t + b + U h_{t-1} + c), f = tanh or relu (Elman 1990).

    Parameters a layer: hidden * (in + hidden + 2). State: hidden. Sequential over time.
    `recurrent_init=identity` with `nonlinearity=relu` is the IRNN of Le et al. 2015 (without its zero biases).
    """

    gates: ClassVar[int] = 1

    def __init__(
        self,
        input_size: int,
        /,
        *,
        hidden_size: Count = 256,
        num_layers: Count = 1,
        dropout: Rate = 0.0,
        recurrent_init: RecurrentInit = "orthogonal",
        nonlinearity: Literal["tanh", "relu"] = "tanh",
    ):
        super().__init__(
            input_size,
            hidden_size=hidden_size,
            num_layers=num_layers,
            dropout=dropout,
            recurrent_init=recurrent_init,
        )
        self.tanh = nonlinearity == "tanh"

    def step(self, layer: Layer, gates: Float[Tensor, "batch gates"], state: State) -> State:
        before = gates + F.linear(state[0], layer.weight_hh, layer.bias_hh)
        return (torch.tanh(before) if self.tanh else torch.relu(before),)

    @property
    def library(self) -> LibraryKernel:
        return library.rnn_tanh if self.tanh else library.rnn_relu
