"""A cell's weights in torch's own modules, where they compute the same."""

import functools
from collections.abc import Callable

import torch
from torch import nn

from rnnsweep.cells import gru, lstm
from rnnsweep.cells.base import AbstractCell, RecurrentCell
from rnnsweep.errors import ConfigError
from rnnsweep.kernels import library
from rnnsweep.kernels.library import LibraryKernel

MODULES: dict[LibraryKernel, Callable[..., nn.RNNBase]] = {
    library.rnn_tanh: functools.partial(nn.RNN, nonlinearity="tanh"),
    library.rnn_relu: functools.partial(nn.RNN, nonlinearity="relu"),
    library.gru: nn.GRU,
    library.lstm: nn.LSTM,
}
"""The module that runs each of torch's kernels."""

SAME = ((gru.POINTWISE, library.gru), (lstm.POINTWISE, library.lstm))
"""The mathematics of a unit, and the kernel that computes the same: lstm_scratch shares it with lstm."""


def of(model: nn.Module, choice: str) -> dict[str, nn.Module]:
    """The recurrent cells of a model as torch's modules, by their names in the model.

    Args:
        model: a trained one.
        choice: what a message calls its cell.

    Raises:
        ConfigError: a cell cannot be one of them.
    """
    cells = {name: module for name, module in model.named_modules() if isinstance(module, AbstractCell)}
    return {name: _module(cell, choice) for name, cell in cells.items()}


def _module(cell: AbstractCell, choice: str) -> nn.Module:
    kernel = _kernel(cell)
    if not isinstance(cell, RecurrentCell) or kernel is None:
        problem = f"`{choice}` computes what none of nn.RNN, nn.GRU and nn.LSTM does; use the model itself"
        raise ConfigError("cell", problem)
    for name in ("residual", "layer_norm", "zoneout"):
        if getattr(cell, name) and (cell.num_layers > 1 or name == "zoneout"):
            problem = f"`cell.{name}` of `{choice}` is in none of nn.RNN, nn.GRU and nn.LSTM; use the model itself"
            raise ConfigError("cell", problem)
    first = next(cell.parameters())
    with torch.random.fork_rng(devices=[]):  # its constructor draws weights
        module = MODULES[kernel](
            cell.input_size, cell.hidden_size, cell.num_layers, batch_first=True, dropout=cell.dropout
        )
    module.to(first)
    weights = {
        f"{name}_l{index}": weight.detach()
        for index, layer in enumerate(cell.layers)
        for name, weight in layer.named_parameters()
    }
    module.load_state_dict(weights)
    return module.eval()


def _kernel(cell: AbstractCell) -> LibraryKernel | None:
    """Torch's kernel with the cell's mathematics; None where there is none."""
    if not isinstance(cell, RecurrentCell):
        return None
    same = (kernel for unit, kernel in SAME if cell.pointwise is unit)
    return cell.library or next(same, None)
