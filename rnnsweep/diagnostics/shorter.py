"""The loss when the cell sees less of the past."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rnnsweep.cells.base import AbstractCell
from rnnsweep.diagnostics.calls import Call
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import Batch, State

STEPS = 2**19  # the most steps of the cell that `loss_by_context` may take


@torch.no_grad()
def loss_by_context(
    task: AbstractTask, model: nn.Module, cells: list[AbstractCell], batch: Batch
) -> list[dict[str, float]]:
    """Rows `{length, loss}` for each power of two below the sequences' length, and for the whole length."""
    time = batch["inputs"].shape[1]
    lengths = [2**power for power in range(time.bit_length()) if 2**power < time]
    few = max(1, STEPS // (time * sum(lengths) + 1))
    batch = {name: values[:few] for name, values in batch.items()}
    rows = []
    for length in (*lengths, time):
        with ExitStack() as stack:
            for cell in cells:
                stack.enter_context(_forgetful(cell, length))
            total, count = task.loss(model, batch, ())[1]["loss"]
        rows.append({"length": length, "loss": (total / count).item()})
    return rows


@contextmanager
def _forgetful(cell: AbstractCell, length: int) -> Iterator[None]:
    """Within the block, each output of the cell is computed from its last `length` inputs only."""

    def end(_: nn.Module, call: Call, output: tuple[Tensor, State]) -> Any:
        x, (h, state) = call[0], output
        if x.shape[1] <= length:
            return output
        windows = x.unfold(1, length, 1).transpose(2, 3)  # (batch, place, length, in)
        seen = [cell.forward(row, ())[0][:, -1] for row in windows]  # (place, hidden) each
        return torch.cat([h[:, : length - 1], torch.stack(seen)], 1), state

    with cell.register_forward_hook(end):
        yield
