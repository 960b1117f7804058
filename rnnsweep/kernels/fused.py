"""A recurrent layer as one call over (member, time, batch), with gradients: compiled from a cell's `Pointwise`.

Compiled once for each cell and precision, kept on disk by Numba (beside `sequence.py`, or in NUMBA_CACHE_DIR), and
shared by all processes. A member's arithmetic is the same whatever stands beside it: under torch.vmap the member
axis goes into the kernel, so that a run alone and in a stack agree bit for bit.
"""

import dataclasses
import functools
import importlib.util
import inspect
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rnnsweep.kernels import blas, threads
from rnnsweep.kernels.cache import locked
from rnnsweep.kernels.members import in_stack, over_members
from rnnsweep.kernels.pointwise import Normalised, Pointwise
from rnnsweep.types import State

PRECISIONS = (torch.float32, torch.float64)
Unit = Pointwise | Normalised


@functools.cache
def available() -> bool:
    """Whether this machine has what the kernel needs: Numba and a BLAS."""
    return importlib.util.find_spec("numba") is not None and blas.address(False) != 0


def serves(x: Tensor) -> bool:
    """Whether the kernel can run where `x` is, in its precision."""
    return x.device.type == "cpu" and x.dtype in PRECISIONS and available()


def layer(
    cell: Unit, x: Tensor, state: State, weights: Sequence[Tensor | None], units: Sequence[Tensor]
) -> tuple[Tensor, State]:
    """The outputs (batch, time, hidden) and the last state of one layer.

    `weights` are those of torch.gru, None for a bias or, in a cell without a product, a recurrent matrix that is
    not there; `units` the vectors of one number a unit.
    """
    tensors = (x, *weights, *units, *state)
    if in_stack(*tensors):
        y, *leaves = over_members(functools.partial(_Layer.apply, cell, False), *tensors)
    else:
        y, *leaves = _Layer.apply(cell, True, *tensors)  # type: ignore[no-untyped-call]
    return y, tuple(leaves)


# Compiled code ---------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Program:
    """The compiled functions of `sequence`, for one cell and precision."""

    blas: int
    advance: Callable[..., None]
    retreat: Callable[..., None]


@functools.cache
def program(cell: Unit, double: bool) -> Program:
    """Compiles what no process of this user has compiled before; one at a time, so that workers share the work."""
    from numba import boolean, int64, njit, types
    from numba import float32 as f32
    from numba import float64 as f64

    from rnnsweep.kernels import jit

    number = f64 if double else f32
    array, matrix = types.Array(number, 3, "C"), types.Array(number, 2, "C")
    part = (int64,) * 4
    advance = (int64, array, boolean, *[array] * 7, *[matrix] * 3, int64, *part)
    retreat = (int64, array, boolean, *[array] * 7, *[matrix] * 3, int64, array, boolean, array, matrix)
    retreat += (*[array] * 3, *[matrix] * 2, *part, int64)
    with locked("compile"):
        options = {"cache": True, **jit.OPTIONS}
        functions = _specialised(cell)
        return Program(
            blas.address(double),
            njit(types.void(*advance), **options)(functions["advance"]),
            njit(types.void(*retreat), **options)(functions["retreat"]),
        )


def _specialised(cell: Unit) -> dict[str, Callable[..., None]]:
    """Copies of the cell's templates in which the names of the cell's numbers and functions mean this cell's.

    Numba knows compiled code by a function's name and bytes, so the name says what else the code depends on.
    """
    from numba.extending import register_jitable

    from rnnsweep.kernels import jit, normalised, sequence

    templates = normalised if isinstance(cell, Normalised) else sequence
    own = {name: inspect.unwrap(value) for name, value in vars(cell).items() if callable(value)}
    numbers = cell.numbers()
    held = [place.cell_contents for function in own.values() for place in function.__closure__ or ()]
    says = repr([sorted(numbers.items()), [function.__name__ for function in own.values()], held])
    first, *_ = own.values()
    name = f"{first.__name__}_{jit.digest(*(f.__code__.co_filename for f in own.values()), text=says)}"
    for function in own.values():
        register_jitable(**jit.SCALAR)(function)
    names: dict[str, Any] = vars(templates) | numbers | own
    for part in (*templates.PARTS, "advance", "retreat"):
        template = inspect.unwrap(getattr(templates, part))
        copy = types.FunctionType(template.__code__, names, part)
        copy.__module__ = templates.__name__
        copy.__qualname__ = f"{part}_{name}"
        names[part] = jit.compiled(copy) if part in templates.PARTS else copy
    return {part: names[part] for part in ("advance", "retreat")}


# One layer with gradients ----------------------------------------------------------------------------------------
#
# A small layer's call is bound by the Python around the kernel, so there is no more of it here than must be.


class _Layer(torch.autograd.Function):
    """The layer on tensors that lead with the member axis, or that are `alone` and lack it, and its derivative."""

    @staticmethod
    def forward(ctx: Any, cell: Unit, alone: bool, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        lead: list[Any] = [t if t is None else t.unsqueeze(0) if alone else t.detach() for t in tensors]
        x, weight_ih, weight_hh, bias_ih, bias_hh, *more = lead
        units, state = more[: cell.parameters], more[cell.parameters :]
        members, batch, time, width = x.shape
        hidden, code = state[0].shape[2], program(cell, x.dtype == torch.float64)
        size = Size(batch, time, width, hidden)
        rows, nothing = time * batch, x.new_empty(members, 0, 0)
        x, batch_first = _rows(x)
        fed = x.new_empty(members, rows + batch, cell.feeds * hidden)
        own = x.new_empty(members, rows + batch, (cell.leaves - cell.feeds) * hidden)
        kept = x.new_empty(members, rows, cell.keeps(hidden))
        past = fed.numpy(), own.numpy()
        for leaf, place in zip(state, _leaves(*past, slice(batch), hidden), strict=True):
            place[:] = leaf.numpy()
        vectors = torch.cat(units, 1)[:, None] if units else nothing
        matrices = weight_ih.mT, nothing if weight_hh is None else weight_hh.mT
        biases = (x.new_zeros(members, cell.gates * hidden) if bias is None else bias for bias in (bias_ih, bias_hh))
        arrays = (_array(tensor) for tensor in (*matrices, _biases(cell, *biases), vectors))
        before = (code.blas, x.numpy(), batch_first, *arrays, *past, kept.numpy())

        def bind(room: Room) -> Callable[..., None]:
            turned, gates = room.take(0, rows, width), room.take(1, rows, cell.gates * hidden)
            share = room.take(2, batch, cell.gates * hidden)
            return lambda stage, *part: code.advance(*before, turned, gates, share, stage, *part[:4])

        _work_off(members, x.dtype, bind, size.forward)
        ctx.cell, ctx.alone, ctx.size, ctx.batch_first = cell, alone, size, batch_first
        ctx.biased = bias_ih is not None, bias_hh is not None
        ctx.save_for_backward(x, fed, own, kept, weight_ih, weight_hh, vectors)
        y = fed.view(members, time + 1, batch, -1)[:, 1:, :, :hidden].transpose(1, 2)
        last = (torch.from_numpy(leaf.copy()) for leaf in _leaves(*past, slice(rows, None), hidden))
        return tuple(t[0] for t in (y, *last)) if alone else (y, *last)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        dy, *dlast = (grad.unsqueeze(0) for grad in grads) if ctx.alone else grads
        x, fed, own, kept, weight_ih, weight_hh, units = ctx.saved_tensors
        cell, size, members = ctx.cell, ctx.size, len(x)
        rows, hidden = size.time * size.batch, size.hidden
        code, nothing = program(cell, x.dtype == torch.float64), x.new_empty(members, 0, 0)
        dy, dy_batch_first = _rows(dy)
        dstate = torch.cat(dlast, 2)
        dunits = x.new_zeros(members, size.pieces, cell.parameters * hidden)
        recurrent = nothing if weight_hh is None else weight_hh
        dx = x.new_empty(members, rows, size.width) if ctx.needs_input_grad[2] else nothing
        dweight_ih, dweight_hh = (x.new_empty(weight.shape) for weight in (weight_ih, recurrent))
        dbias_ih, dbias_hh = (x.new_empty(members, cell.gates * hidden) for _ in range(2))
        past = dstate.numpy(), dunits.numpy(), fed.numpy(), own.numpy(), kept.numpy()
        before = (code.blas, dy.numpy(), dy_batch_first, *past, _array(recurrent), _array(units))
        inputs = x.numpy(), ctx.batch_first, _array(weight_ih)
        after = [tensor.numpy() for tensor in (dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh)]

        def bind(room: Room) -> Callable[..., None]:
            turned, dgates = room.take(0, rows, size.width), room.take(1, rows, cell.gates * hidden)
            dapart, dinner = room.take(2, rows, cell.apart * hidden), room.take(3, size.batch, cell.between * hidden)
            given = (*before, dgates, dapart, dinner)
            return lambda stage, *part: code.retreat(*given, stage, *inputs, turned, *after, *part)

        _work_off(members, kept.dtype, bind, size.backward)
        results = [
            dx.view(members, size.time, size.batch, -1).transpose(1, 2) if dx is not nothing else None,
            dweight_ih,
            dweight_hh if weight_hh is not None else None,
            *(grad if there else None for grad, there in zip((dbias_ih, dbias_hh), ctx.biased, strict=True)),
        ]
        if cell.parameters:  # one piece after another: the same order in every stack
            results += functools.reduce(torch.add, dunits.unbind(1)).split(hidden, 1)
        results += [dstate[:, :, start : start + hidden] for start in range(0, dstate.shape[2], hidden)]
        return None, None, *(t[0] if t is not None and ctx.alone else t for t in results)


def _array(tensor: Tensor) -> Any:
    return tensor.contiguous().numpy()


def _rows(x: Tensor) -> tuple[Tensor, bool]:
    """(member, batch, time, features) as (member, rows, features), and whether the rows are in that order.

    What comes from a layer lies in memory with time before batch, and is taken as it is. A member's own layout decides,
    not the stack's: whose rows are summed in another order has other last digits.
    """
    if x[0].transpose(0, 1).is_contiguous():
        return x.transpose(1, 2).flatten(1, 2).contiguous(), False
    return x.contiguous().flatten(1, 2), True


def _leaves(fed: Any, own: Any, rows: slice, hidden: int) -> list[Any]:
    """The leaves of the state in some rows, each (member, rows, hidden)."""
    return [part[:, rows, at : at + hidden] for part in (fed, own) for at in range(0, part.shape[2], hidden)]


def _biases(cell: Unit, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """(member, 1, (gates + apart) hidden): what is added to the gates, then to the shares that are apart."""
    if not cell.apart:
        return (bias_ih + bias_hh)[:, None]
    summed = bias_ih.shape[1] // cell.gates * (cell.gates - cell.apart)
    both = bias_ih[:, :summed] + bias_hh[:, :summed]
    return torch.cat([both, bias_ih[:, summed:], bias_hh[:, summed:]], 1)[:, None]


# Threads and memory ----------------------------------------------------------------------------------------------

SHARED_WORK = 2**18  # numbers of a member's outputs from which threads may share its work
ROWS, MOST = 16, 8  # of a batch in a piece at least, and pieces at most

Piece = tuple[int, int, int]
"""The first row, the one after the last, and the number of the piece."""
Stages = list[tuple[int, list[Piece]]]
"""What the compiled functions call a stage, and its pieces, which may be worked off side by side."""


@dataclasses.dataclass(frozen=True)
class Size:
    """Of one member's layer. It alone decides the pieces, so that the threads do not matter to the numbers."""

    batch: int
    time: int
    width: int
    hidden: int

    @property
    def pieces(self) -> int:
        """Of the steps of a sequence."""
        big = self.batch * self.time * self.hidden >= SHARED_WORK
        return max(1, min(MOST, self.batch // ROWS)) if big else 1

    @property
    def forward(self) -> Stages:
        """The products of all steps' inputs, then the steps; a small layer's in one go."""
        if self.pieces == 1:
            return [(0, [(0, self.batch, 0)])]
        return [(1, self._pieces(self.batch * self.time)), (2, self._pieces(self.batch))]

    @property
    def backward(self) -> Stages:
        """The steps, what needs them all, then three products over all steps; a small layer's in one go."""
        if self.pieces == 1:
            return [(0, [(0, self.batch, 0)])]
        products = [(0, self.batch, number) for number in range(3)]
        return [(1, self._pieces(self.batch)), (2, [(0, self.batch, 0)]), (3, products)]

    def _pieces(self, rows: int) -> list[Piece]:
        count = self.pieces
        return [(rows * i // count, rows * (i + 1) // count, i) for i in range(count)]


class Room:
    """Memory for numbers that do not outlive a member: the same again as long as the size is."""

    def __init__(self, dtype: torch.dtype):
        self.dtype = dtype
        self.taken: dict[int, Tensor] = {}

    def take(self, number: int, rows: int, width: int) -> Any:
        if number not in self.taken or self.taken[number].shape != (rows, width):
            self.taken[number] = torch.empty(rows, width, dtype=self.dtype)
        return self.taken[number].numpy()


_thread = threading.local()


def _room(dtype: torch.dtype) -> Room:
    """The calling thread's own."""
    rooms: dict[torch.dtype, Room] = _thread.__dict__.setdefault("rooms", {})
    return rooms.setdefault(dtype, Room(dtype))


def _work_off(members: int, dtype: torch.dtype, bind: Callable[[Room], Callable[..., None]], stages: Stages) -> None:
    """Calls bind(room)(stage, first member, last, first row, last, piece) until all is done.

    Threads share the members; where these are fewer and big, the pieces of one member after the other.
    """
    many = threads.count()
    if many == 1 and len(stages) == 1:
        ((stage, (piece,)),) = stages
        with blas.one_thread():
            bind(_room(dtype))(stage, 0, members, *piece)
    elif members >= many or len(stages) == 1:

        def whole(member: int) -> None:
            run = bind(_room(dtype))
            for stage, pieces in stages:
                for piece in pieces:
                    run(stage, member, member + 1, *piece)

        threads.work_off(functools.partial(whole, member) for member in range(members))
    else:
        run = bind(_room(dtype))
        for member in range(members):
            for stage, pieces in stages:
                threads.work_off(functools.partial(run, stage, member, member + 1, *piece) for piece in pieces)
