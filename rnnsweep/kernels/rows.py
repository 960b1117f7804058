"""Compiled: the dense layers around a recurrence, member by member, each as if it were alone.

x (member, rows, in), weight (member, out, in), bias (member, out), y (member, rows, out); all C-contiguous
"""

import inspect
from typing import Any

from numba import boolean, float32, float64, int64, njit, types, void

from rnnsweep.kernels.cache import locked
from rnnsweep.kernels.jit import OPTIONS, digest, product
from rnnsweep.kernels.sequence import total


def affine(blas, x, weight, bias, y):  # type: ignore[no-untyped-def]
    """y = x weight + bias; weight (member, in, out)."""
    for m in range(len(x)):
        out = y[m]
        for row in range(len(out)):
            for j in range(out.shape[1]):
                out[row, j] = bias[m, j]
        product(blas, x[m], 0, 0, False, weight[m], 0, 0, x.shape[1], x.shape[2], out.shape[1], out, 0, 0, True)


def affine_slopes(blas, dy, x, weight, wanted, dx, dweight, dbias):  # type: ignore[no-untyped-def]
    """The gradients of `affine`'s arguments; that of x only where it is `wanted`. weight (member, out, in)."""
    for m in range(len(x)):
        rows, inner, columns = x.shape[1], x.shape[2], dy.shape[2]
        product(blas, dy[m], 0, 0, True, x[m], 0, 0, columns, rows, inner, dweight[m], 0, 0, False)
        if wanted:
            product(blas, dy[m], 0, 0, False, weight[m], 0, 0, rows, columns, inner, dx[m], 0, 0, False)
        total(dy[m], 64, dbias[m])


def scatter(tokens, dy, dweight):  # type: ignore[no-untyped-def]
    """dweight[member, token] += dy[member, row] for the token of each row; tokens (member, rows)."""
    for m in range(len(dy)):
        for row in range(dy.shape[1]):
            token = tokens[m, row]
            for j in range(dy.shape[2]):
                dweight[m, token, j] += dy[m, row, j]


def _compiled(function: Any, *arguments: Any) -> Any:
    """In both precisions; what of `arguments` depends on the precision is a function of it."""
    plain = inspect.unwrap(function)
    plain.__qualname__ = f"{plain.__name__}_{digest(__file__)}"
    signatures = [
        void(*(argument(number) if inspect.isfunction(argument) else argument for argument in arguments))
        for number in (float32, float64)
    ]
    return njit(signatures, cache=True, **OPTIONS)(plain)


def _matrix(number: Any) -> Any:
    return types.Array(number, 2, "C")


def _stack(number: Any) -> Any:
    return types.Array(number, 3, "C")


with locked("compile"):
    AFFINE = _compiled(affine, int64, _stack, _stack, _matrix, _stack)
    AFFINE_SLOPES = _compiled(affine_slopes, int64, _stack, _stack, _stack, boolean, _stack, _stack, _matrix)
    SCATTER = _compiled(scatter, types.Array(int64, 2, "C"), _stack, _stack)
