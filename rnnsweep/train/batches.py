"""The batches of all members as one."""

from collections.abc import Sequence
from typing import Any

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


def refuse_unlike(tasks: Sequence[AbstractTask]) -> None:
    """Raises RuntimeError where the members' data differ in length: they cannot train as one program."""
    different = {id(task): task for task in tasks}.values()
    if len(different) > 1 and len({_lengths(task) for task in different}) > 1:
        raise RuntimeError("the runs of a stack have data of different lengths")


def _lengths(task: AbstractTask) -> tuple[Any, ...]:
    """The steps of an epoch, and the shapes of the validation batches."""
    shapes = [tuple(values.shape for values in batch.values()) for batch in task.evaluation("val")]
    return task.steps_per_epoch, *shapes
