"""The gates' activations and the recurrent matrices."""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from rnnsweep import kernels
from rnnsweep.cells.base import AbstractCell, Layer, LayeredCell, RecurrentCell
from rnnsweep.diagnostics.calls import lengths_of
from rnnsweep.pooling import mask
from rnnsweep.types import Batch, State


class _Sigmoids(TorchFunctionMode):
    """Records the results of torch.sigmoid: a gate is one of them."""

    def __init__(self) -> None:
        self.values: list[Tensor] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in (torch.sigmoid, Tensor.sigmoid):
            self.values.append(result)
        return result


def _read(gate: Tensor, begun: Tensor, there: Bool[Tensor, "batch time"]) -> Tensor:
    """The activations without those at padded steps: of one step (batch, ...), or of all in (batch, time, ...)."""
    at_all = gate.transpose(1, 2) if gate.dim() == 4 else gate  # (batch, head, time, size)
    return at_all[there] if at_all.dim() > 2 and at_all.shape[:2] == there.shape else gate[begun]


@torch.no_grad()
def saturation(
    cell: AbstractCell, x: Float[Tensor, "batch time in"], state: State, batch: Batch
) -> list[dict[str, Any]]:
    """A row `{layer, gate, low, high}` for each gate: shares of its activations below 0.1 and above 0.9.

    What a cell does at padded steps does not count.
    """
    if not isinstance(cell, LayeredCell):
        return []
    with kernels.executing("scan"), _Sigmoids() as heard:
        cell.forward(x, state)
    layers, steps = len(cell.layers), x.shape[1] if isinstance(cell, RecurrentCell) else 1
    gates = len(heard.values) // (layers * steps)
    names = cell.sigmoids if len(cell.sigmoids) == gates else [f"gate {number + 1}" for number in range(gates)]
    there = mask(lengths_of(batch, x.shape[1]), x.shape[1])
    reads = [lengths_of(batch, x.shape[1]) > t for t in range(steps)]
    values = iter(heard.values)  # layer by layer, step by step, gate by gate
    rows = []
    for layer in range(layers):
        of_layer = [[_read(next(values), reads[t], there) for _ in names] for t in range(steps)]
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
