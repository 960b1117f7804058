"""An LSTM from scratch: every gate in a line of its own, and torch's differentiation for the way back."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.cells.lstm import POINTWISE
from rnnsweep.kernels.pointwise import Pointwise
from rnnsweep.types import State


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class LSTMScratch(RecurrentCell):
    """The cell of `lstm` (Hochreiter and Schmidhuber 1997; Gers et al. 2000), to be read. The memory c is what lasts:

        i = σ(W_i x + b_i + U_i h + d_i)        how much of the new content is written into the memory
        f = σ(W_f x + b_f + U_f h + d_f)        how much of the memory stays
        g = tanh(W_g x + b_g + U_g h + d_g)     the new content
        o = σ(W_o x + b_o + U_o h + d_o)        how much of the memory is shown
        c' = f c + i g                          where f is near 1 and i near 0, gradients pass unchanged
        h' = o tanh(c')

    W x does not depend on h, so the family (RecurrentCell.run_layer) computes W x + b of all steps in one product and
    then calls `step` for one step after another. The four W lie on top of each other in `layer.weight_ih`, the four U
    in `layer.weight_hh`, in the order i, f, g, o of nn.LSTM. Starts with the weights of `lstm` and agrees with it to
    rounding. train.kernel=scan runs `step`; who edits it takes `pointwise` away, which lets the compiled kernel of
    `lstm` run. In rnnsweep/numpy_lstm.py the way back through time is written out, too.
    Parameters a layer: 4 hidden * (in + hidden + 2). State: 2 hidden (h, c). Sequential over time.
    """

    gates: ClassVar[int] = 4
    blocks: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    sigmoids: ClassVar[tuple[str, ...]] = ("i", "f", "o")

    forget_bias: float | None = 1.0
    """What the two forget biases sum to at the start: memories last before the cell has learned what to keep. None
    leaves them uniform."""

    def make_layer(self, input_size: int) -> Layer:
        layer = super().make_layer(input_size)
        layer.start_bias(1, self.forget_bias)
        return layer

    @property
    def leaves(self) -> int:
        return 2

    def step(self, layer: Layer, gates: Float[Tensor, "*batch gates"], state: State) -> State:
        h, c = state  # (batch, hidden) each
        before = gates + layer.recurrent(h)  # (batch, 4 hidden): W x + b, and U h + d
        before_i, before_f, before_g, before_o = before.chunk(4, -1)
        i = torch.sigmoid(before_i)
        f = torch.sigmoid(before_f)
        g = torch.tanh(before_g)
        o = torch.sigmoid(before_o)
        c = f * c + i * g
        h = o * torch.tanh(c)
        return h, c

    @property
    def pointwise(self) -> Pointwise:
        """The compiled kernel of `lstm`, which train.kernel=auto may choose; `scan` runs what stands above."""
        return POINTWISE
