"""new_cell: say in a line what it is, and where it comes from."""

import dataclasses
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.cells.base import Layer, RecurrentCell
from rnnsweep.types import Share, State


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class NewCell(RecurrentCell):
    """h' = (1 - rate) h + rate tanh(W x + b + U h + c): put your equations here.

    Parameters a layer: hidden * (in + hidden + 2). State: hidden. Sequential over time.
    """

    gates: ClassVar[int] = 1  # blocks of rows of W and U; a layer's state is `leaves` tensors, the output first

    rate: Share = 0.5
    """Share of the new state."""

    def step(self, layer: Layer, gates: Float[Tensor, "batch gates"], state: State) -> State:
        (h,) = state
        new = torch.tanh(gates + layer.recurrent(h))  # gates: the inputs' share, W x + b
        return (h + self.rate * (new - h),)
