"""Compiled: the dense layers around a recurrence, member by member, each as if it were alone.

x (member, rows, in), weight (member, out, in), bias (member, out), y (member, rows, out); all C-contiguous
"""

from typing import Any

from numba import boolean, int64

from rnnsweep.kernels.cache import locked
from rnnsweep.kernels.intrinsics import product
from rnnsweep.kernels.jit import in_both_precisions, matrix
from rnnsweep.kernels.sequence_back import total
from rnnsweep.kernels.structures import Tile


def affine(blas, x, weight, bias, y):
    """y = x weight + bias; weight (member, in, out)."""
    for m in range(len(x)):
        out = y[m]
        for row in range(len(out)):
            for j in range(out.shape[1]):
                out[row, j] = bias[m, j]
        size = (x.shape[1], x.shape[2], out.shape[1])
        product(blas, Tile(x[m], 0, 0), Tile(weight[m], 0, 0), Tile(out, 0, 0), size, False, True)


def affine_back(blas, dy, x, weight, wanted, dx, dweight, dbias):
    """The gradients of `affine`'s arguments; that of x only where it is `wanted`. weight (member, out, in)."""
    for m in range(len(x)):
        rows, inner, columns = x.shape[1], x.shape[2], dy.shape[2]
        grad = Tile(dy[m], 0, 0)
        product(blas, grad, Tile(x[m], 0, 0), Tile(dweight[m], 0, 0), (columns, rows, inner), True, False)
        if wanted:
            product(blas, grad, Tile(weight[m], 0, 0), Tile(dx[m], 0, 0), (rows, columns, inner), False, False)
        total(dy[m], 64, dbias[m])


def scatter(tokens, dy, dweight):
    """dweight[member, token] += dy[member, row] for the token of each row; tokens (member, rows)."""
    for m in range(len(dy)):
        for row in range(dy.shape[1]):
            token = tokens[m, row]
            for j in range(dy.shape[2]):
                dweight[m, token, j] += dy[m, row, j]


def _of_affine(number: Any) -> list[Any]:
    stack = matrix(number, 3)
    return [int64, stack, stack, matrix(number), stack]


def _of_affine_back(number: Any) -> list[Any]:
    stack = matrix(number, 3)
    return [int64, stack, stack, stack, boolean, stack, stack, matrix(number)]


def _of_scatter(number: Any) -> list[Any]:
    return [matrix(int64), matrix(number, 3), matrix(number, 3)]


with locked("compile"):
    AFFINE = in_both_precisions(affine, __file__, _of_affine)
    AFFINE_BACK = in_both_precisions(affine_back, __file__, _of_affine_back)
    SCATTER = in_both_precisions(scatter, __file__, _of_scatter)
