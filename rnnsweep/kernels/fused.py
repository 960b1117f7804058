"""A recurrent layer as one operation of torch over (member, time, batch), compiled from the cell's `Pointwise`.

It is compiled once for each cell and precision, and kept on disk by Numba (beside `sequence.py`, or in
NUMBA_CACHE_DIR) for all processes. Under torch.vmap the kernel takes the member axis, and computes each member as if it
were alone. So a run has the same numbers alone and in a stack, bit for bit.
"""

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rnnsweep.kernels import blas
from rnnsweep.kernels.members import in_stack, over_members
from rnnsweep.kernels.program import Unit, program
from rnnsweep.kernels.stages import Scratch, Size, work_off
from rnnsweep.kernels.structures import (
    BackwardScratch,
    ForwardScratch,
    Grads,
    History,
    Inputs,
    OutputGrads,
    Part,
    Weights,
)
from rnnsweep.types import State

PRECISIONS = (torch.float32, torch.float64)


@functools.cache
def missing() -> str | None:
    """What this machine lacks for the compiled kernels, as a sentence; None: nothing."""
    try:
        importlib.import_module("numba")
    except Exception as error:  # a Numba that does not fit this Python or NumPy may raise anything
        return f"Numba cannot be imported ({' '.join(str(error).split())})"
    return None if blas.address(False) else "there is no BLAS that compiled code could call"


def available() -> bool:
    """Whether this machine has what the compiled kernels need: Numba and a BLAS."""
    return missing() is None


def load() -> None:
    """Loads Numba and the compiled functions of all models, where this machine can use them.

    That takes more than half a second. Processes that are forked afterwards have it done.
    """
    if available():
        importlib.import_module("rnnsweep.kernels.affine")


def serves(x: Tensor) -> bool:
    """Whether the kernel can run on the device of `x` and in its precision."""
    return x.device.type == "cpu" and x.dtype in PRECISIONS and available()


def layer(
    cell: Unit, x: Tensor, state: State, weights: Sequence[Tensor | None], units: Sequence[Tensor]
) -> tuple[Tensor, State]:
    """Runs one layer.

    Args:
        cell: the mathematics of one unit.
        x: the inputs (batch, time, in).
        state: the state before the first step, each tensor (batch, hidden).
        weights: weight_ih, weight_hh, bias_ih and bias_hh as torch.gru takes them. None for a bias that is not there,
            and for weight_hh in a cell without a product.
        units: the parameters that have one number for each unit, each (hidden,).

    Returns:
        The outputs (batch, time, hidden) and the last state.
    """
    tensors = (x, *weights, *units, *state)
    if in_stack(*tensors):
        y, *leaves = over_members(functools.partial(_FusedLayer.apply, cell, False), *tensors)
    else:
        y, *leaves = _FusedLayer.apply(cell, True, *tensors)
    return y, tuple(leaves)


class _FusedLayer(torch.autograd.Function):
    """The layer and its derivative. The tensors have a leading member axis, or lack it where the model is `alone`.

    The time of a small layer's call goes mostly to the Python around the kernel, so there is little of it here.
    """

    @staticmethod
    def forward(ctx: Any, cell: Unit, alone: bool, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        lead: list[Any] = [t if t is None else t.unsqueeze(0) if alone else t.detach() for t in tensors]
        x, weight_ih, weight_hh, bias_ih, bias_hh, *more = lead
        units, state = more[: cell.parameters], more[cell.parameters :]
        members, batch, time, width = x.shape
        size = Size(batch, time, width, state[0].shape[2])
        ctx.cell, ctx.alone, ctx.size, ctx.biased = cell, alone, size, (bias_ih is not None, bias_hh is not None)
        x, ctx.batch_first = _rows(x)
        nothing = x.new_empty(members, 0, 0)
        vectors = torch.cat(units, 1)[:, None] if units else nothing
        biases = (b if b is not None else x.new_zeros(members, cell.gates * size.hidden) for b in (bias_ih, bias_hh))
        recurrent = nothing if weight_hh is None else weight_hh.mT.contiguous()
        weights = Weights(weight_ih.mT.contiguous(), recurrent, _biases(cell, *biases), vectors)
        history, last = _advance(cell, size, Inputs(x, ctx.batch_first), weights, state)
        ctx.save_for_backward(x, *history, weight_ih, weight_hh, vectors)
        y = history.fed.view(members, time + 1, batch, -1)[:, 1:, :, : size.hidden].transpose(1, 2)
        return tuple(t[0] for t in (y, *last)) if alone else (y, *last)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        dy, *dlast = (grad.unsqueeze(0) for grad in grads) if ctx.alone else grads
        x, fed, unfed, saved, weight_ih, weight_hh, units = ctx.saved_tensors
        cell, size, members = ctx.cell, ctx.size, len(x)
        dy, dy_batch_first = _rows(dy)
        above = OutputGrads(dy, dy_batch_first, torch.cat(dlast, 2))
        nothing = x.new_empty(members, 0, 0)
        recurrent = nothing if weight_hh is None else weight_hh.contiguous()
        weights = Weights(weight_ih.contiguous(), recurrent, nothing, units)
        wanted = ctx.needs_input_grad[2]
        ours = Grads(
            x.new_empty(members, size.time * size.batch if wanted else 0, size.width),
            x.new_empty(weight_ih.shape),
            x.new_empty(recurrent.shape),
            x.new_empty(members, cell.gates * size.hidden),
            x.new_empty(members, cell.gates * size.hidden),
            x.new_zeros(members, size.pieces, cell.parameters * size.hidden),
        )
        _retreat(cell, size, Inputs(x, ctx.batch_first), weights, History(fed, unfed, saved), above, ours)
        results = [
            ours.x.view(members, size.time, size.batch, -1).transpose(1, 2) if wanted else None,
            ours.weight_ih,
            None if weight_hh is None else ours.weight_hh,
            *(grad if there else None for grad, there in zip((ours.bias_ih, ours.bias_hh), ctx.biased, strict=True)),
        ]
        if cell.parameters:  # one piece after another: the same order in every stack
            results += functools.reduce(torch.add, ours.units.unbind(1)).split(size.hidden, 1)
        results += above.state.split(size.hidden, 2)
        return None, None, *(t[0] if t is not None and ctx.alone else t for t in results)


def _advance(
    cell: Unit, size: Size, inputs: Inputs, weights: Weights, state: Sequence[Tensor]
) -> tuple[History, list[Tensor]]:
    """Runs the compiled `advance`; also returns the last state."""
    members, rows, hidden = len(inputs.x), size.time * size.batch, size.hidden
    dtype, code = inputs.x.dtype, program(cell, inputs.x.dtype == torch.float64)
    widths = cell.feeds * hidden, (cell.leaves - cell.feeds) * hidden
    fed, unfed = (inputs.x.new_empty(members, rows + size.batch, width) for width in widths)
    history = History(fed, unfed, inputs.x.new_empty(members, rows, cell.saved_columns(hidden)))
    past = _arrays(history)
    for leaf, place in zip(state, _leaves(past, slice(size.batch), hidden), strict=True):
        place[:] = leaf.numpy()
    arguments = code.blas, _arrays(inputs), _arrays(weights), past

    def bind(scratch: Scratch) -> Callable[..., None]:
        wide = cell.gates * hidden
        gates, share = scratch.take(1, rows, wide), scratch.take(2, size.batch, wide)
        room = ForwardScratch(scratch.take(0, rows, size.width), gates, share)
        return lambda *part: code.advance(*arguments, room, Part(*part))

    work_off(members, dtype, bind, size.forward)
    return history, [torch.from_numpy(leaf.copy()) for leaf in _leaves(past, slice(rows, None), hidden)]


def _retreat(
    cell: Unit, size: Size, inputs: Inputs, weights: Weights, history: History, above: OutputGrads, ours: Grads
) -> None:
    """Runs the compiled `retreat`, which fills `ours` and `above.state`."""
    rows, hidden, code = size.time * size.batch, size.hidden, program(cell, inputs.x.dtype == torch.float64)
    arguments = code.blas, *map(_arrays, (inputs, weights, history, above, ours))

    def bind(scratch: Scratch) -> Callable[..., None]:
        gates, apart = scratch.take(1, rows, cell.gates * hidden), scratch.take(2, rows, cell.apart * hidden)
        inner = scratch.take(3, size.batch, cell.between * hidden)
        room = BackwardScratch(scratch.take(0, rows, size.width), gates, apart, inner)
        return lambda *part: code.retreat(*arguments, room, Part(*part))

    work_off(len(inputs.x), inputs.x.dtype, bind, size.backward)


def _arrays(structure: Any) -> Any:
    """The structure with NumPy arrays for its tensors, which are contiguous."""
    return structure._make([t if type(t) is bool else t.numpy() for t in structure])


def _rows(x: Tensor) -> tuple[Tensor, bool]:
    """(member, batch, time, features) as (member, rows, features), and whether a row follows its sequence's last step.

    A layer's outputs lie in memory with time before batch, and are taken so. Each member's own layout decides, not the
    stack's: the order of the rows is the order of sums over them, and so the last digits.
    """
    if x[0].transpose(0, 1).is_contiguous():
        return x.transpose(1, 2).flatten(1, 2).contiguous(), False
    return x.contiguous().flatten(1, 2), True


def _leaves(past: History, rows: slice, hidden: int) -> list[Any]:
    """The leaves of the state in some rows, (member, rows, hidden)."""
    both = past.fed, past.unfed
    return [part[:, rows, at : at + hidden] for part in both for at in range(0, part.shape[2], hidden)]


def _biases(cell: Unit, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """(member, 1, (gates + apart) hidden): what is added to the gates, then what is added to the shares apart."""
    if not cell.apart:
        return (bias_ih + bias_hh)[:, None]
    summed = bias_ih.shape[1] // cell.gates * (cell.gates - cell.apart)
    both = bias_ih[:, :summed] + bias_hh[:, :summed]
    return torch.cat([both, bias_ih[:, summed:], bias_hh[:, summed:]], 1)[:, None]
