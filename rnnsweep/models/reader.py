"""Reading a whole padded sequence: with one cell, or with a second one from the end."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory, RecurrentCell
from rnnsweep.types import State


class Reader(nn.Module):
    """A cell over padded sequences; with `cell.bidirectional` two (Schuster and Paliwal 1997), outputs side by side.

    What is padded never reaches an output that counts: a causal cell has not read it yet, and the second cell reads
    each sequence reversed within its own length. Outputs at padded steps mean nothing.
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
        self, x: Float[Tensor, "batch time in"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch time width"]:
        h, _ = self.cell(x, ())
        if self.backward_cell is None:
            return h  # type: ignore[no-any-return]
        back, _ = self.backward_cell(turned(x, lengths), ())
        return torch.cat([h, turned(back, lengths)], 2)

    def with_states(
        self, x: Float[Tensor, "batch time in"], lengths: Int[Tensor, "batch"], shortest: int
    ) -> tuple[Float[Tensor, "batch time width"], tuple[State, ...]]:
        """The outputs, and for each cell the state after the last step that exists; no sequence is below `shortest`."""
        h, state = _to_the_end(self.cell, x, lengths, shortest)
        if self.backward_cell is None:
            return h, (state,)
        back, first = _to_the_end(self.backward_cell, turned(x, lengths), lengths, shortest)
        return torch.cat([h, turned(back, lengths)], 2), (state, first)


def turned(x: Float[Tensor, "batch time features"], lengths: Int[Tensor, "batch"]) -> Tensor:
    """Each sequence reversed within its length; what is padded stays behind it. Its own inverse."""
    time = x.shape[1]
    source = (lengths[:, None] - 1 - torch.arange(time, device=x.device)) % time
    return x.gather(1, source[:, :, None].expand(-1, -1, x.shape[2]))


def _to_the_end(cell: nn.Module, x: Tensor, lengths: Tensor, shortest: int) -> tuple[Tensor, State]:
    """Reads step by step where sequences may end, which by the splice law changes nothing, and keeps each's state.

    Where the output is all of the state there is no need to: one pass holds every state.
    """
    if isinstance(cell, RecurrentCell) and cell.leaves == cell.num_layers == 1:
        outputs, _ = cell(x, ())
        return outputs, (outputs.gather(1, (lengths - 1)[:, None, None].expand(-1, 1, outputs.shape[2]))[:, 0],)
    outputs, state = cell(x[:, :shortest], ())
    kept, pieces = state, [outputs]
    for step in range(shortest, x.shape[1]):
        outputs, state = cell(x[:, step : step + 1], state)
        pieces.append(outputs)
        reads = lengths > step
        kept = tuple(
            torch.where(reads.view(-1, *[1] * (new.dim() - 1)), new, old) for new, old in zip(state, kept, strict=True)
        )
    return torch.cat(pieces, 1), kept
