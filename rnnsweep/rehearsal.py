"""Trial steps of copies of one run with each kernel, to time them and to compare their numbers bit by bit."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnsweep.kernels import Execution
from rnnsweep.layout import buffers
from rnnsweep.stack import Stack
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import Batch


class Rehearsal:
    """A run's model on one of its batches, alone and in stacks.

    Args:
        model: it is copied, and stays as it is.
        task: gives the loss, and the batches of the validation.
        batch: of training, as one member's: its entries lead with an axis of length 1.
        device: where it is computed.
    """

    def __init__(self, model: nn.Module, task: AbstractTask, batch: Batch, device: torch.device):
        self.model, self.task, self.batch, self.device = model, task, batch, device
        self.stacks: dict[int, Stack] = {}

    def step(self, kernel: Execution, members: int) -> None:
        """One step of a stack, forward and backward."""
        stack = self._stack(kernel, members)
        stack.differentiate(self.task.loss, _repeated(self.batch, members), ())

    def numbers(self, kernel: Execution, members: int) -> Tensor:
        """What must be the same in every stack: a member's gradient, and its loss on a validation batch."""
        if buffers(self.model):
            self.stacks.pop(members, None)  # running statistics count the steps
        self.step(kernel, members)
        stack = self._stack(kernel, members)
        parts = [stack.gradients[-1].clone()]
        for batch in self.task.evaluation("val"):
            held_out = {name: values[None].to(self.device) for name, values in batch.items()}
            stack.train(False)
            with torch.no_grad():
                losses, _, _ = stack.call(self.task.loss, _repeated(held_out, members), ())
            stack.train()
            parts.append(losses[-1:])
            break
        return torch.cat(parts)

    def _stack(self, kernel: Execution, members: int) -> Stack:
        if members not in self.stacks:
            self.stacks[members] = Stack([copy.deepcopy(self.model) for _ in range(members)], self.device)
        self.stacks[members].run_with(kernel, together=kernel != "library")
        return self.stacks[members]


def _repeated(batch: Batch, members: int) -> Any:
    return pytree.tree_map(lambda values: values.expand(members, *values.shape[1:]), batch)
