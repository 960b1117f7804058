"""The loss on training data without dropout: what a validation loss is compared with to see a gap."""

import math
from collections.abc import Sequence

from rnnsweep.stack import Stack
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.train.evaluation import evaluate
from rnnsweep.types import Batch


def training_losses(stack: Stack, tasks: Sequence[AbstractTask]) -> list[float | None]:
    """Each member's loss on a slice of its training data, with the weights that the stack holds.

    Args:
        stack: the models.
        tasks: the task of each member.

    Returns:
        A loss for each member; None where its task gives no training data to evaluate.
    """
    slices = {id(task): training_slice(task) for task in tasks}
    shapes = {key: _shapes(batches) for key, batches in slices.items()}
    losses: list[float | None] = [None] * len(tasks)
    for alike in {tuple(shape): key for key, shape in shapes.items() if shape}.values():
        # a member whose slice has another shape gets a copy of this one, and its result is not used
        parts = [slices[id(task) if shapes[id(task)] == shapes[alike] else alike] for task in tasks]
        for row, means in enumerate(evaluate(stack, tasks, parts)):
            if shapes[id(tasks[row])] == shapes[alike]:
                losses[row] = tasks[row].derive(means)["loss"]
    return losses


def training_slice(task: AbstractTask) -> list[Batch]:
    """The first training sequences, with no more steps than the validation part has."""
    left = sum(_steps(batch) for batch in task.evaluation("val"))
    chosen: list[Batch] = []
    try:
        for batch in task.evaluation("train"):
            # only the first batch is cut: a later one may continue the state of all its rows
            part = batch if chosen else _cut(batch, left)
            if not 0 < _steps(part) <= left:
                break
            chosen.append(part)
            left -= _steps(part)
    except (KeyError, NotImplementedError):  # a task that evaluates only validation and test
        return []
    return chosen


def _cut(batch: Batch, steps: int) -> Batch:
    """The first rows, with no more steps than that together; if a row alone is longer, as a text is, its beginning."""
    shape = batch["inputs"].shape[:2]
    rows = steps // shape[1]
    if rows == 0 and all(values.shape[:2] == shape for values in batch.values()):
        return {name: values[:1, :steps] for name, values in batch.items()}
    return {name: values[:rows] for name, values in batch.items()}


def _steps(batch: Batch) -> int:
    """Steps of all sequences, padding included."""
    return math.prod(batch["inputs"].shape[:2])


def _shapes(batches: Sequence[Batch]) -> list[tuple[int, ...]]:
    return [tuple(values.shape) for batch in batches for values in batch.values()]
