"""How far gradients reach into the past."""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rnnsweep.cells.base import AbstractCell
from rnnsweep.diagnostics.calls import Call, lengths_of
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import Batch, State


def gradient_by_lag(task: AbstractTask, model: nn.Module, cell: AbstractCell, batches: Iterable[Batch]) -> list[float]:
    """Item k is the gradient's norm at the input k steps before the last, over that of item 0; empty if that is 0."""
    total, count = torch.zeros(0), torch.zeros(0)
    for batch in batches:
        norms, there = _norms_by_lag(task, model, cell, batch)
        total, count = _longer(total, norms.shape[1]), _longer(count, norms.shape[1])
        total[: norms.shape[1]] += norms.sum(0)
        count[: norms.shape[1]] += there.sum(0)
    means = (total / count)[count > 0]  # a batch may be wider than its longest sequence
    return [] if not len(means) or means[0] == 0 else (means / means[0]).tolist()


def _longer(x: Tensor, length: int) -> Tensor:
    return torch.cat([x, x.new_zeros(max(0, length - len(x)))])


def _norms_by_lag(
    task: AbstractTask, model: nn.Module, cell: AbstractCell, batch: Batch
) -> tuple[Float[Tensor, "batch lag"], Bool[Tensor, "batch lag"]]:
    """The norms of the gradients by lag, and which sequences are long enough for each lag."""
    read: list[Tensor] = []

    def begin(_: nn.Module, call: Call) -> Any:
        read.append(call[0].detach().requires_grad_())
        return read[0], *call[1:]

    def end(_: nn.Module, __: Call, output: tuple[Tensor, State]) -> Any:
        h, state = output
        steps = torch.arange(h.shape[1], device=h.device)
        is_last = steps == lengths_of(batch, h.shape[1])[:, None] - 1
        return torch.where(is_last[:, :, None], h, h.detach()), state

    with cell.register_forward_pre_hook(begin), cell.register_forward_hook(end), torch.enable_grad():
        loss, _, _ = task.loss(model, batch, ())
        (gradient,) = torch.autograd.grad(loss, read)
    norms, time = gradient.norm(dim=2).cpu(), gradient.shape[1]
    place = lengths_of(batch, time).cpu()[:, None] - 1 - torch.arange(time)  # the step at each lag
    return torch.where(place >= 0, norms.gather(1, place.clamp(min=0)), 0.0), place >= 0
