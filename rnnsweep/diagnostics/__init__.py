"""How a trained cell uses its past, on validation data: `train.diagnostics=true` puts this into the record."""

import itertools
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from rnnsweep.cells.base import AbstractCell
from rnnsweep.diagnostics.calls import Call
from rnnsweep.diagnostics.gates import saturation, spectral_radius
from rnnsweep.diagnostics.gradients import gradient_by_lag
from rnnsweep.diagnostics.shorter import loss_by_context
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import Batch

BATCHES = 4  # of the validation part
SPAN = 256  # a long text is cut into sequences of so many steps


def diagnose(task: AbstractTask, model: nn.Module) -> dict[str, Any]:
    """Four views of the model's cell; of the encoder's cell, where there is a decoder.

    `gradient_by_lag`: how far back the loss reaches through the cell's last output. It is the norm of the gradient at
    the input k steps before the last, over the norm at the last input; both are means over sequences.
    `loss_by_context`: the validation loss where every output is computed from only so many inputs.
    `saturation`: the share of each gate's activations below 0.1 and above 0.9.
    `spectral_radius`: the largest absolute eigenvalue of each gate's recurrent matrix.

    The first two are missing where the model does not read a whole sequence in one call of its cell, as with a decoder.
    The third is missing where an encoder reads in pieces.

    Args:
        task: gives the validation data and the loss.
        model: in evaluation mode.

    Returns:
        The views by name.
    """
    where = next(model.parameters()).device
    batches = [
        _cut({name: values.to(where) for name, values in batch.items()})
        for batch in itertools.islice(task.evaluation("val"), BATCHES)
    ]
    cells = [module for module in model.modules() if isinstance(module, AbstractCell)]
    calls = _calls(task, model, cells, batches[0])
    (first, *_), cell = calls[0], cells[0]
    views: dict[str, Any] = {"spectral_radius": spectral_radius(cell)}
    if not any(state for _, state in calls[0]) and first[0].shape[1] > 1:  # every call starts a sequence
        views["saturation"] = saturation(cell, *first, batches[0])
    if all(len(each) == 1 and not each[0][1] for each in calls) and first[0].shape[1] > 1:
        views["gradient_by_lag"] = gradient_by_lag(task, model, cell, batches)
        views["loss_by_context"] = loss_by_context(task, model, cells, batches[0])
    return {name: view for name, view in views.items() if view}


def _cut(batch: Batch) -> Batch:
    """Cuts long sequences with a target at every step, as those of a text, into many short ones."""
    rows, time = batch["inputs"].shape[:2]
    if time < 2 * SPAN or any(values.shape[:2] != (rows, time) for values in batch.values()):
        return batch
    whole = time // SPAN * SPAN
    return {name: values[:, :whole].reshape(-1, SPAN, *values.shape[2:]) for name, values in batch.items()}


def _calls(task: AbstractTask, model: nn.Module, cells: list[AbstractCell], batch: Batch) -> list[list[Call]]:
    """The calls of each cell while the loss is computed once."""
    calls: list[list[Call]] = [[] for _ in cells]
    with ExitStack() as stack, torch.no_grad():
        for cell, heard in zip(cells, calls, strict=True):
            stack.enter_context(cell.register_forward_pre_hook(lambda _, call, heard=heard: heard.append(call)))
        task.loss(model, batch, ())
    return calls
