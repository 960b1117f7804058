"""How the work of one layer is cut into stages and pieces, and shared among threads."""

import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnnsweep.kernels import blas, threads
from rnnsweep.kernels.structures import PRODUCTS, PROJECTION, STEPS, TIME_ORDER, WHOLE

SHARED_WORK = 2**18  # numbers in a member's outputs from which on threads may share its work
ROWS, MOST = 16, 8  # the fewest rows of a batch in a piece, and the most pieces

Piece = tuple[int, int, int]
"""The first row, the row after the last one, and the number of the piece."""
Stages = list[tuple[int, list[Piece]]]
"""The stages of a call by their number (see `structures`), and the pieces of each, which may run side by side."""


@dataclasses.dataclass(frozen=True)
class Size:
    """The size of one member's layer. The pieces depend on it alone, so that the threads do not change the numbers."""

    batch: int
    time: int
    width: int
    hidden: int

    @property
    def pieces(self) -> int:
        """Pieces of the steps of a sequence."""
        big = self.batch * self.time * self.hidden >= SHARED_WORK
        return max(1, min(MOST, self.batch // ROWS)) if big else 1

    @property
    def forward(self) -> Stages:
        """The product of all steps' inputs, then the steps. A small layer does both in one call."""
        if self.pieces == 1:
            return [(WHOLE, [(0, self.batch, 0)])]
        return [(PROJECTION, self._pieces(self.batch * self.time)), (STEPS, self._pieces(self.batch))]

    @property
    def backward(self) -> Stages:
        """The steps, then the work that needs all of them, then three products over all steps. A small layer: all in
        one call."""
        if self.pieces == 1:
            return [(WHOLE, [(0, self.batch, 0)])]
        products = [(0, self.batch, number) for number in range(3)]
        return [(STEPS, self._pieces(self.batch)), (TIME_ORDER, [(0, self.batch, 0)]), (PRODUCTS, products)]

    def _pieces(self, rows: int) -> list[Piece]:
        count = self.pieces
        return [(rows * i // count, rows * (i + 1) // count, i) for i in range(count)]


class Scratch:
    """Memory for numbers that are needed while one member is computed; kept from call to call.

    Args:
        dtype: of the numbers.
    """

    def __init__(self, dtype: torch.dtype):
        self.dtype = dtype
        self.matrices: dict[int, Tensor] = {}

    def take(self, number: int, rows: int, width: int) -> Any:
        """The matrix of this number, as a NumPy array; made anew where its size has changed."""
        if number not in self.matrices or self.matrices[number].shape != (rows, width):
            self.matrices[number] = torch.empty(rows, width, dtype=self.dtype)
        return self.matrices[number].numpy()


_thread = threading.local()


def _scratch(dtype: torch.dtype) -> Scratch:
    """The calling thread's own."""
    mine: dict[torch.dtype, Scratch] = _thread.__dict__.setdefault("scratch", {})
    return mine.setdefault(dtype, Scratch(dtype))


def work_off(members: int, dtype: torch.dtype, bind: Callable[[Scratch], Callable[..., None]], stages: Stages) -> None:
    """Calls bind(scratch)(stage, first member, last, first row, last, piece) until all is done.

    Threads share the members. Where there are fewer members than threads, and the members are big, threads share the
    pieces of one member after the other.
    """
    many = threads.count()
    if many == 1 and len(stages) == 1:
        ((stage, (piece,)),) = stages
        with blas.one_thread():
            bind(_scratch(dtype))(stage, 0, members, *piece)
    elif members >= many or len(stages) == 1:
        threads.work_off(functools.partial(_whole, member, bind, dtype, stages) for member in range(members))
    else:
        run = bind(_scratch(dtype))
        for member in range(members):
            for stage, pieces in stages:
                threads.work_off(functools.partial(run, stage, member, member + 1, *piece) for piece in pieces)


def _whole(member: int, bind: Callable[[Scratch], Callable[..., None]], dtype: torch.dtype, stages: Stages) -> None:
    """All stages of one member, in the calling thread."""
    run = bind(_scratch(dtype))
    for stage, pieces in stages:
        for piece in pieces:
            run(stage, member, member + 1, *piece)
