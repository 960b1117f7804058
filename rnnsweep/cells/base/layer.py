"""The weights of one recurrent layer, and how they start."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.dropout import Zoneout
from rnnsweep.kernels.dense import linear

RecurrentInit = Literal["orthogonal", "uniform", "identity"]


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

    def recurrent(self, h: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "*batch gates"]:
        """weight_hh h + bias_hh, as one addmm: under vmap F.linear takes a slower way."""
        return torch.addmm(self.bias_hh, h, self.weight_hh.T)

    def project(self, x: Float[Tensor, "*batch time in"]) -> Float[Tensor, "*batch time gates"]:
        """weight_ih x + bias_ih at all steps, in one product."""
        return linear(x, self.weight_ih, self.bias_ih)

    def weights(self) -> list[Tensor | None]:
        """The weights in the order of torch.gru; None for one that the layer does not have."""
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
