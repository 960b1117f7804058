"""Compiled: h_t = a_t h_{t-1} + b_t from the first step to the last, and its derivative.

a, b, h (row, time, width), first (row, width); all C-contiguous. Columns do not
interact, so threads may share the work at will: rows begin..end, columns left..right.
"""

from typing import Any

from numba import int64

from rnnsweep.kernels.cache import locked
from rnnsweep.kernels.jit import in_both_precisions, matrix


def advance(a, b, first, h, begin, end, left, right):
    """Fills h."""
    for row in range(begin, end):
        for j in range(left, right):
            h[row, 0, j] = a[row, 0, j] * first[row, j] + b[row, 0, j]
        for t in range(1, h.shape[1]):
            for j in range(left, right):
                h[row, t, j] = a[row, t, j] * h[row, t - 1, j] + b[row, t, j]


def retreat(a, first, h, dh, da, db, dfirst, begin, end, left, right):
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


def _of_advance(number: Any) -> list[Any]:
    return [*(matrix(number, dimensions) for dimensions in (3, 3, 2, 3)), *[int64] * 4]


def _of_retreat(number: Any) -> list[Any]:
    return [*(matrix(number, dimensions) for dimensions in (3, 2, 3, 3, 3, 3, 2)), *[int64] * 4]


with locked("compile"):
    ADVANCE = in_both_precisions(advance, __file__, _of_advance)
    RETREAT = in_both_precisions(retreat, __file__, _of_retreat)
