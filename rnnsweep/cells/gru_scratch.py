"""A GRU from scratch: every gate in a line of its own, and torch's differentiation for the way back."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.cells.gru import POINTWISE
from rnnsweep.kernels.pointwise import Pointwise
from rnnsweep.types import State


class GRUScratch(RecurrentCell):
    """The cell of `gru` (Cho et al. 2014, as nn.GRU computes it), to be read. The state h is memory and output at once:

        r = σ(W_r x + b_r + U_r h + d_r)            how much of the state the new content sees
        z = σ(W_z x + b_z + U_z h + d_z)            how much of the state stays
        n = tanh(W_n x + b_n + r (U_n h + d_n))     the new content
        h' = (1 - z) n + z h                        where z is near 1, gradients pass unchanged

    W x does not depend on h, so the family (RecurrentCell.run_layer) computes W x + b of all steps in one product and
    then calls `step` for one step after another. The three W lie on top of each other in `layer.weight_ih`, the three
    U in `layer.weight_hh`, in the order r, z, n of nn.GRU. Starts with the weights of `gru` and agrees to rounding.
    train.kernel=scan runs `step`; who edits it takes `pointwise` away, which lets the compiled kernel of `gru` run.
    Parameters a layer: 3 hidden * (in + hidden + 2). State: hidden. Sequential over time.
    """

    gates: ClassVar[int] = 3
    blocks: ClassVar[tuple[str, ...]] = ("r", "z", "n")
    sigmoids: ClassVar[tuple[str, ...]] = ("r", "z")

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        (h,) = state  # (batch, hidden)
        seen_r, seen_z, seen_n = gates.chunk(3, -1)  # W x + b
        past_r, past_z, past_n = layer.recurrent(h).chunk(3, -1)  # U h + d
        r = torch.sigmoid(seen_r + past_r)
        z = torch.sigmoid(seen_z + past_z)
        n = torch.tanh(seen_n + r * past_n)
        h = (1 - z) * n + z * h
        return (h,)

    @property
    def pointwise(self) -> Pointwise:
        """The compiled kernel of `gru`, which train.kernel=auto may choose; `scan` runs what stands above."""
        return POINTWISE
