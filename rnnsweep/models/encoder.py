"""An encoder reads a whole padded sequence: with one cell, or with a second one that reads from the end."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory, RecurrentCell
from rnnsweep.pooling import at_step
from rnnsweep.types import State


class Encoder(nn.Module):
    """A cell over padded sequences.

    With `cell.bidirectional` there are two cells (Schuster and Paliwal 1997); their outputs stand side by side. Padding
    does not change an output within a sequence: the first cell is causal, and the second reads each sequence reversed
    within its own length. The outputs at padded steps mean nothing.

    Args:
        cell: from the number of input features to a cell.
        input_size: features of an input step.
    """

    def __init__(self, cell: CellFactory, input_size: int):
        super().__init__()
        self.cell = cell(input_size)
        self.backward_cell = cell(input_size) if self.cell.bidirectional else None

    @property
    def width(self) -> int:
        """Features of an output."""
        return self.cell.hidden_size * (2 if self.cell.bidirectional else 1)

    def forward(
        self, x: Float[Tensor, "*batch time in"], lengths: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch time width"]:
        h, _ = self.cell(x, ())
        if self.backward_cell is None:
            return h  # type: ignore[no-any-return]
        back, _ = self.backward_cell(reversed_within(x, lengths), ())
        return torch.cat([h, reversed_within(back, lengths)], -1)

    def with_states(
        self, x: Float[Tensor, "*batch time in"], lengths: Int[Tensor, "*batch"], shortest: int
    ) -> tuple[Float[Tensor, "*batch time width"], tuple[State, ...]]:
        """The outputs, and the state of each cell after the last step of each sequence.

        Args:
            x: the sequences.
            lengths: the steps of each sequence.
            shortest: no padded sequence has fewer steps; up to there the cell reads in one call.
        """
        h, state = _to_the_end(self.cell, x, lengths, shortest)
        if self.backward_cell is None:
            return h, (state,)
        back, first = _to_the_end(self.backward_cell, reversed_within(x, lengths), lengths, shortest)
        return torch.cat([h, reversed_within(back, lengths)], -1), (state, first)


def reversed_within(x: Float[Tensor, "*batch time features"], lengths: Int[Tensor, "*batch"]) -> Tensor:
    """Each sequence reversed within its length; the padding stays behind it. Applied twice it changes nothing."""
    time = x.shape[-2]
    source = (lengths[..., None] - 1 - torch.arange(time, device=x.device)) % time
    return x.gather(-2, source[..., None].expand(x.shape))


def _to_the_end(cell: nn.Module, x: Tensor, lengths: Tensor, shortest: int) -> tuple[Tensor, State]:
    """The outputs at all steps, and the state after the last step of each sequence.

    From `shortest` on the cell reads one step a call, so that each sequence's last state can be last. (Reading in
    pieces changes nothing.) Where the output is the whole state, one call is enough: its outputs hold every state.
    """
    if isinstance(cell, RecurrentCell) and cell.leaves == cell.num_layers == 1:
        outputs, _ = cell(x, ())
        return outputs, (at_step(outputs, lengths - 1),)
    outputs, state = cell(x[..., :shortest, :], ())
    last, pieces = state, [outputs]
    for t in range(shortest, x.shape[-2]):
        outputs, state = cell(x[..., t : t + 1, :], state)
        pieces.append(outputs)
        reads = lengths > t
        last = tuple(
            torch.where(reads.view(*reads.shape, *[1] * (new.dim() - reads.dim())), new, old)
            for new, old in zip(state, last, strict=True)
        )
    return torch.cat(pieces, -2), last
