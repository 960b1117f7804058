"""The batches of all members as one."""

from collections.abc import Sequence

import torch

from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import Batch


def draw(tasks: Sequence[AbstractTask], step: int, device: torch.device) -> Batch:
    """The training batches of a step, one for each member. Members that share a task share its batch."""
    drawn = {id(task): task.batch(step) for task in {id(task): task for task in tasks}.values()}
    return collate([drawn[id(task)] for task in tasks], device)


def collate(batches: Sequence[Batch], device: torch.device) -> Batch:
    """The members' batches with a leading member axis."""
    if len(batches) == 1:  # a view, not a copy
        return {name: values[None].to(device) for name, values in batches[0].items()}
    return {name: torch.stack([batch[name] for batch in batches]).to(device) for name in batches[0]}
