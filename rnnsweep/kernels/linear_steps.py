"""Compiled: h_t = a_t h_{t-1} + b_t from the first step to the last, and its derivative.

a, b, h (row, time, width), first (row, width); all C-contiguous. Each number of `width` goes its own way, so that the
work may be split among threads at will: `begin` and `end` are of the rows, `left` and `right` of the width.
"""

import inspect
from typing import Any

from numba import float32, float64, int64, njit, types, void

from rnnsweep.kernels.cache import locked
from rnnsweep.kernels.jit import OPTIONS, digest


def advance(a, b, first, h, begin, end, left, right):  # type: ignore[no-untyped-def]
    """Fills h."""
    for row in range(begin, end):
        for j in range(left, right):
            h[row, 0, j] = a[row, 0, j] * first[row, j] + b[row, 0, j]
        for t in range(1, h.shape[1]):
            for j in range(left, right):
                h[row, t, j] = a[row, t, j] * h[row, t - 1, j] + b[row, t, j]


def retreat(a, first, h, dh, da, db, dfirst, begin, end, left, right):  # type: ignore[no-untyped-def]
    """The gradients of a, b and first from dh, which reaches each h otherwise than through the next."""
    last = h.shape[1] - 1
    for row in range(begin, end):
        for j in range(left, right):
            db[row, last, j] = dh[row, last, j]
        for t in range(last, 0, -1):
            for j in range(left, right):
                d = db[row, t, j]
                da[row, t, j] = d * h[row, t - 1, j]
                db[row, t - 1, j] = dh[row, t - 1, j] + a[row, t, j] * d
        for j in range(left, right):
            da[row, 0, j] = db[row, 0, j] * first[row, j]
            dfirst[row, j] = db[row, 0, j] * a[row, 0, j]


def _compiled(function: Any, *dimensions: int) -> Any:
    """In both precisions, for arrays of these dimensions and four whole numbers."""
    plain = inspect.unwrap(function)
    plain.__qualname__ = f"{plain.__name__}_{digest(__file__)}"
    signatures = [
        void(*(types.Array(number, count, "C") for count in dimensions), *[int64] * 4) for number in (float32, float64)
    ]
    return njit(signatures, cache=True, **OPTIONS)(plain)


with locked("compile"):
    ADVANCE = _compiled(advance, 3, 3, 2, 3)
    RETREAT = _compiled(retreat, 3, 2, 3, 3, 3, 3, 2)
