"""One layer of a layer-normalised cell over (member, time, batch), forward and backward, compiled for one cell.

Templates as in `sequence`, with its arrays, but for

    kept    (member, time * batch, (M + 1 + 2 G) hidden + 16)   the numbers between the halves, the first of them
            normalised, the recurrent and the inputs' share normalised; one by the deviations of these three
    units   (member, 1, (3 G + 2) hidden)   gains of the inputs' and of the recurrent share, biases of the gates; gain
            and bias of the number between the halves
    dgates, dapart (time * batch, G hidden)   reach the recurrent product and the gates
    dinner  (batch, (M + 1) hidden)           reach the numbers between the halves, and the first one normalised
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnsweep.kernels.jit import added, barrier, compiled, load, product, store
from rnnsweep.kernels.sequence import project, turn

# Of the cell: gates, leaves, leaves that do not feed the product, numbers between the halves.
G = L = Q = M = 1
early: Callable[..., Any] = NotImplemented
early_slope: Callable[..., Any] = NotImplemented
late: Callable[..., Any] = NotImplemented
late_slope: Callable[..., Any] = NotImplemented

PARTS = ("step", "step_back")
EPSILON = 1e-5  # nn.LayerNorm's


@compiled
def normalise(values, row, column, out, out_row, out_column, width, deviation):  # type: ignore[no-untyped-def]
    """out = (values - their mean) / their deviation, of a row's stretch; 1 / deviation to out[out_row, deviation]."""
    mean = square = values.dtype.type(0)
    barrier()
    for j in range(width):
        mean += load(values, row, column + j, 1, 1)[0]
    mean /= values.dtype.type(width)
    for j in range(width):
        (value,) = load(values, row, column + j, 1, 1)
        square += (value - mean) * (value - mean)
    scale = values.dtype.type(1) / np.sqrt(square / values.dtype.type(width) + values.dtype.type(EPSILON))
    for j in range(width):
        (value,) = load(values, row, column + j, 1, 1)
        store(out, out_row, out_column + j, 1, ((value - mean) * scale,), 0, 1, 0)
    out[out_row, deviation] = scale
    barrier()


@compiled
def normalise_back(grads, row, column, kept, kept_row, kept_column, width, deviation):  # type: ignore[no-untyped-def]
    """In place: the gradient of the normalised stretch becomes that of the stretch before."""
    mean = along = grads.dtype.type(0)
    barrier()
    for j in range(width):
        (grad,), (normal,) = load(grads, row, column + j, 1, 1), load(kept, kept_row, kept_column + j, 1, 1)
        mean += grad
        along += grad * normal
    mean /= grads.dtype.type(width)
    along /= grads.dtype.type(width)
    scale = kept[kept_row, deviation]
    for j in range(width):
        (grad,), (normal,) = load(grads, row, column + j, 1, 1), load(kept, kept_row, kept_column + j, 1, 1)
        store(grads, row, column + j, 1, ((grad - mean - normal * along) * scale,), 0, 1, 0)
    barrier()


def advance(  # type: ignore[no-untyped-def]
    blas, x, batch_first, weight_ih, weight_hh, bias, units, fed, own, kept, turned, gates, share, stage, first, last,
    begin, end,
):  # fmt: skip
    """As in `sequence`; the biases are the units'."""
    batch, hidden = len(share), fed.shape[2]
    wide, at = G * hidden, (M + 1) * hidden  # where the recurrent share is kept, and after it the inputs'
    for m in range(first, last):
        f, o, k, w, p = fed[m], own[m], kept[m], weight_hh[m], units[m]
        if stage < 2:
            low, high = (begin, end) if stage == 1 else (0, len(gates))
            project(blas, x[m], batch_first, weight_ih[m], batch, turned, gates, low, high)
            for row in range(low, high):
                normalise(gates, row, 0, k, row, at + wide, wide, at + 2 * wide)
                for j in range(wide):
                    (gain, _, bias), (normal,) = load(p, 0, j, wide, 3), load(k, row, at + wide + j, wide, 1)
                    store(gates, row, j, wide, (gain * normal + bias,), 0, 1, 0)
                barrier()
        for t in range(len(gates) // batch if stage != 1 else 0):
            now = t * batch
            product(blas, f, now + begin, 0, False, w, 0, 0, end - begin, hidden, wide, share, begin, 0, False)
            barrier()
            for b in range(begin, end):
                normalise(share, b, 0, k, now + b, at, wide, at + 2 * wide + 1)
                for j in range(wide):
                    (_, gain, _), (normal,) = load(p, 0, j, wide, 3), load(k, now + b, at + j, wide, 1)
                    (before,) = load(gates, now + b, j, wide, 1)
                    store(gates, now + b, j, wide, (before + gain * normal,), 0, 1, 0)
                barrier()
                step(f, o, k, p, gates, now + b, now + batch + b)  # type: ignore[no-untyped-call]
            barrier()


def step(fed, own, kept, units, gates, now, after):  # type: ignore[no-untyped-def]
    """Both halves, of one row."""
    hidden = fed.shape[1]
    for j in range(hidden):
        s = load(fed, now, j, hidden, 1) + load(own, now, j, hidden, Q)
        store(kept, now, j, hidden, early(load(gates, now, j, hidden, G), s), 0, M, 0)
    barrier()
    normalise(kept, now, 0, kept, now, M * hidden, hidden, (M + 1 + 2 * G) * hidden + 2)
    barrier()
    for j in range(hidden):
        (gain, bias), (normal,) = (
            load(units, 0, 3 * G * hidden + j, hidden, 2),
            load(kept, now, M * hidden + j, hidden, 1),
        )
        new = late(gain * normal + bias, load(kept, now, j, hidden, M))
        store(fed, after, j, hidden, new, 0, 1, 0)
        store(own, after, j, hidden, new, 1, Q, 8)
    barrier()


def retreat(  # type: ignore[no-untyped-def]
    blas, dy, dy_batch_first, dstate, dunits, fed, own, kept, weight_hh, units, dgates, dapart, dinner, stage,
    x, batch_first, weight_ih, turned, dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh, first, last, begin, end, piece,
):  # fmt: skip
    """As in `sequence`; the gradients of the biases are left as they are."""
    batch, hidden, width = dstate.shape[1], fed.shape[2], x.shape[2]
    time, wide, at = len(dgates) // batch, G * hidden, (M + 1) * hidden
    row_step, step_ = (time, 1) if dy_batch_first else (1, batch)
    for m in range(first, last):
        y, d, k, w, p, e = dy[m], dstate[m], kept[m], weight_hh[m], units[m], dunits[m]
        for back in range(time if stage < 2 else 0):
            t = time - 1 - back
            for b in range(begin, end):
                row = t * batch + b
                step_back(  # type: ignore[no-untyped-call]
                    y, b * row_step + t * step_, d, e, piece, own[m], fed[m], k, p, dapart, dinner, row, b
                )
                for j in range(wide):
                    store(
                        dgates, row, j, wide, (load(dapart, row, j, wide, 1)[0] * load(p, 0, j, wide, 2)[1],), 0, 1, 0
                    )
                normalise_back(dgates, row, 0, k, row, at, wide, at + 2 * wide + 1)
            barrier()
            now = t * batch + begin
            product(blas, dgates, now, 0, False, w, 0, 0, end - begin, wide, hidden, d, begin, 0, True)
            barrier()
        if stage == 0 or stage == 2:
            for row in range(len(dapart)):
                for j in range(wide):
                    (grad,), (recurrent, read) = load(dapart, row, j, wide, 1), load(k, row, at + j, wide, 2)
                    sums = added(load(e, 0, j, wide, 3), (grad * read, grad * recurrent, grad))
                    store(e, 0, j, wide, sums, 0, 3, 8)
                    store(dapart, row, j, wide, (grad * load(p, 0, j, wide, 1)[0],), 0, 1, 0)
                normalise_back(dapart, row, 0, k, row, at + wide, wide, at + 2 * wide)
            if batch_first:
                turn(x[m], batch, turned, 0, len(turned))
        rows = len(dapart)
        if stage == 0 or (stage == 3 and piece == 0):
            read = turned if batch_first else x[m]
            product(blas, dapart, 0, 0, True, read, 0, 0, wide, rows, width, dweight_ih[m], 0, 0, False)
        if stage == 0 or (stage == 3 and piece == 1):
            product(blas, dgates, 0, 0, True, fed[m], 0, 0, wide, rows, hidden, dweight_hh[m], 0, 0, False)
        if len(dx[m]) and (stage == 0 or (stage == 3 and piece == 2)):
            product(blas, dapart, 0, 0, False, weight_ih[m], 0, 0, rows, wide, width, dx[m], 0, 0, False)


def step_back(dy, dy_row, dstate, dunits, piece, own, fed, kept, units, dapart, dinner, now, b):  # type: ignore[no-untyped-def]
    """The derivatives of `step`, as far as the gates."""
    hidden = fed.shape[1]
    barrier()
    for j in range(hidden):
        grads = added(load(dstate, b, j, hidden, L), load(dy, dy_row, j, hidden, 1))
        (gain, bias), (normal,) = (
            load(units, 0, 3 * G * hidden + j, hidden, 2),
            load(kept, now, M * hidden + j, hidden, 1),
        )
        dn, dbetween = late_slope(grads, gain * normal + bias, load(kept, now, j, hidden, M))
        store(dinner, b, j, hidden, dbetween, 0, M, 0)
        store(dinner, b, M * hidden + j, hidden, (dn * gain,), 0, 1, 8)
        dp = added(load(dunits, piece, 3 * G * hidden + j, hidden, 2), (dn * normal, dn))
        store(dunits, piece, 3 * G * hidden + j, hidden, dp, 0, 2, 16)
    barrier()
    normalise_back(dinner, b, M * hidden, kept, now, M * hidden, hidden, (M + 1 + 2 * G) * hidden + 2)
    barrier()
    for j in range(hidden):
        dbetween = added(load(dinner, b, j, hidden, M), load(dinner, b, M * hidden + j, hidden, 1))
        s = load(fed, now, j, hidden, 1) + load(own, now, j, hidden, Q)
        dg, ds = early_slope(dbetween, load(kept, now, j, hidden, M), s)
        store(dapart, now, j, hidden, dg, 0, G, 0)
        store(dstate, b, j, hidden, ds, 0, L, 8)
    barrier()
