"""Evaluation: the exact means of all members over a part of their data."""

import types
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from rnnsweep.stack import Stack
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.tasks.metric import AbstractMetric, with_own
from rnnsweep.train.batches import collate
from rnnsweep.types import Batch, State

Means = dict[str, float]


@torch.no_grad()
def evaluate(
    stack: Stack,
    tasks: Sequence[AbstractTask],
    parts: Sequence[Iterable[Batch]],
    own: Mapping[str, AbstractMetric] = types.MappingProxyType({}),
) -> list[Means]:
    """Each member's means over its batches, without dropout; empty where there are no batches.

    Args:
        stack: the models.
        tasks: the task of each member. The first one's loss is used for all.
        parts: the batches of each member, as from `task.evaluation("val")`.
        own: the user's metrics by name.

    Returns:
        For each member its metrics by name.
    """
    stack.train(False)
    loss = with_own(tasks[0].loss, own)
    sums: dict[str, tuple[Tensor, Tensor]] = {}
    state: State = ()
    for batches in zip(*parts, strict=True):
        _, metrics, state = stack.call(loss, collate(batches, stack.device), state)
        for name, (total, count) in metrics.items():
            before = sums.get(name, (0.0, 0.0))
            sums[name] = (before[0] + total.double(), before[1] + count.double())
    stack.train()
    return [
        {name: (total[row] / count[row]).item() for name, (total, count) in sums.items()} for row in range(stack.size)
    ]
