"""How a trained cell uses its past, on validation data: `train.diagnostics=true` puts this into the record."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rnnsweep import kernels
from rnnsweep.cells.base import AbstractCell, Layer, LayeredCell, RecurrentCell
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import Batch, State

BATCHES = 4  # of the validation part
SPAN = 256  # a long text is cut into sequences of so many steps
STEPS = 2**19  # the most steps of the cell that `loss_by_context` may take

Call = tuple[Float[Tensor, "batch time in"], State]
"""The arguments of one call of a cell."""


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


# How far gradients reach -----------------------------------------------------------------------------------------


def gradient_by_lag(task: AbstractTask, model: nn.Module, cell: AbstractCell, batches: Iterable[Batch]) -> list[float]:
    """Item k is the gradient's norm at the input k steps before the last, over that of item 0; empty if that is 0."""
    total, count = torch.zeros(0), torch.zeros(0)
    for batch in batches:
        norms, there = _norms_by_lag(task, model, cell, batch)
        total, count = _longer(total, norms.shape[1]), _longer(count, norms.shape[1])
        total[: norms.shape[1]] += norms.sum(0)
        count[: norms.shape[1]] += there.sum(0)
    means = total / count
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
        is_last = steps == _lengths(batch, h.shape[1])[:, None] - 1
        return torch.where(is_last[:, :, None], h, h.detach()), state

    with cell.register_forward_pre_hook(begin), cell.register_forward_hook(end), torch.enable_grad():
        loss, _, _ = task.loss(model, batch, ())
        (gradient,) = torch.autograd.grad(loss, read)
    norms, time = gradient.norm(dim=2).cpu(), gradient.shape[1]
    place = _lengths(batch, time).cpu()[:, None] - 1 - torch.arange(time)  # the step at each lag
    return torch.where(place >= 0, norms.gather(1, place.clamp(min=0)), 0.0), place >= 0


def _lengths(batch: Batch, time: int) -> Int[Tensor, "batch"]:
    inputs = batch["inputs"]
    if "source_lengths" in batch:  # the batch of an encoder-decoder
        return batch["source_lengths"]
    return batch.get("lengths", torch.full(inputs.shape[:1], time, device=inputs.device))


# The loss with less context ---------------------------------------------------------------------------------------


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


# The gates and the recurrent matrices ----------------------------------------------------------------------------


class _Sigmoids(TorchFunctionMode):
    """Records the results of torch.sigmoid: a gate is one of them."""

    def __init__(self) -> None:
        self.values: list[Tensor] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in (torch.sigmoid, Tensor.sigmoid):
            self.values.append(result)
        return result


@torch.no_grad()
def saturation(
    cell: AbstractCell, x: Float[Tensor, "batch time in"], state: State, batch: Batch
) -> list[dict[str, Any]]:
    """A row `{layer, gate, low, high}` for each gate: shares of its activations below 0.1 and above 0.9.

    What a recurrent cell does at padded steps does not count.
    """
    if not isinstance(cell, LayeredCell):
        return []
    with kernels.executing("scan"), _Sigmoids() as heard:
        cell.forward(x, state)
    layers, steps = len(cell.layers), x.shape[1] if isinstance(cell, RecurrentCell) else 1
    gates = len(heard.values) // (layers * steps)
    names = cell.sigmoids if len(cell.sigmoids) == gates else [f"gate {number + 1}" for number in range(gates)]
    reads = [_lengths(batch, x.shape[1]) > t for t in range(steps)]
    values = iter(heard.values)  # layer by layer, step by step, gate by gate
    rows = []
    for layer in range(layers):
        of_layer = [[next(values)[reads[t]] for _ in names] for t in range(steps)]
        for name, of_gate in zip(names, zip(*of_layer, strict=True), strict=True):
            all_ = torch.cat([each.flatten() for each in of_gate]).double()
            low, high = (all_ < 0.1).double().mean().item(), (all_ > 0.9).double().mean().item()
            rows.append({"layer": layer + 1, "gate": name, "low": low, "high": high})
    return rows


def spectral_radius(cell: AbstractCell) -> list[dict[str, Any]]:
    """A row `{layer, gate, radius}` for each block of the recurrent weights; for a vector, its largest magnitude."""
    if not isinstance(cell, RecurrentCell):
        return []
    rows = []
    for index, layer in enumerate(cell.layers):
        assert isinstance(layer, Layer)
        weight = layer.weight_hh.detach().double().cpu()
        if weight.dim() == 3:  # (head, gates * size, size) as (gate, head, size, size)
            blocks = weight.unflatten(1, (-1, weight.shape[2])).transpose(0, 1)
        else:  # (gate, hidden, hidden), or (gate, hidden) for a vector
            blocks = weight.view(-1, cell.hidden_size, *weight.shape[1:])
        names = cell.blocks if len(cell.blocks) == len(blocks) else [f"gate {k + 1}" for k in range(len(blocks))]
        for name, block in zip(names, blocks, strict=True):
            values = torch.linalg.eigvals(block) if block.dim() > 1 else block
            rows.append({"layer": index + 1, "gate": name, "radius": values.abs().max().item()})
    return rows
