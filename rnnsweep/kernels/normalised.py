"""One layer of a layer-normalised cell over (member, time, batch), forward.

Templates as in `sequence`, with the arrays of `structures`, except for

    History.saved (member, rows, (MIDDLE + 1 + 2 GATES) hidden + 16)
        the numbers between the halves, the first of them normalised, the recurrent share and the inputs' share
        normalised; then 1 / deviation of the inputs' share, of the recurrent share and of the number between the halves
    Weights.units (member, 1, (3 GATES + 2) hidden)
        gains of the inputs' and of the recurrent share, biases of the gates; gain and bias of the number between
    BackwardScratch.gates, BackwardScratch.apart (rows, GATES hidden)
        the gradients of the recurrent product, and those of the gates
    BackwardScratch.inner (batch, (MIDDLE + 1) hidden)
        the gradients of the numbers between the halves, and of the first one normalised
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnsweep.kernels.intrinsics import barrier, load, product, store
from rnnsweep.kernels.jit import compiled
from rnnsweep.kernels.sequence import member_history, member_weights, project
from rnnsweep.kernels.structures import PROJECTION, WHOLE, Tile

# Of the cell: see Normalised.numbers.
GATES = LEAVES = UNFED = MIDDLE = 1
early: Callable[..., Any] = NotImplemented
late: Callable[..., Any] = NotImplemented

PARTS = ("share_of_inputs", "share_of_state", "step")
EPSILON = 1e-5  # nn.LayerNorm's


@compiled
def normalise(values, row, column, out, out_row, out_column, width, deviation):
    """out = (values - their mean) / their deviation, of `width` numbers of a row. 1 / deviation is stored, too."""
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


def advance(blas, inputs, weights, history, scratch, part):
    """As in `sequence`; the biases are among the units' parameters."""
    rows, batch = len(scratch.gates), len(scratch.share)
    for m in range(part.first, part.last):
        weight, past, x = member_weights(weights, m), member_history(history, m), inputs.x[m]
        if part.stage == WHOLE or part.stage == PROJECTION:
            begin, end = (part.begin, part.end) if part.stage == PROJECTION else (0, rows)
            project(blas, x, inputs.batch_first, weight.inputs, scratch, begin, end)
            share_of_inputs(scratch.gates, past.saved, weight.units, begin, end)
        for t in range(rows // batch if part.stage != PROJECTION else 0):
            share_of_state(blas, weight, past, scratch, t * batch, part)
            for b in range(part.begin, part.end):
                step(past, weight.units, scratch.gates, t * batch + b, (t + 1) * batch + b)
            barrier()


def share_of_inputs(gates, saved, units, begin, end):
    """gates = gain N(W x) + bias, in rows begin..end of all steps."""
    wide = gates.shape[1]
    hidden = wide // GATES
    at = (MIDDLE + 1) * hidden  # where the recurrent share is saved, and after it the inputs'
    for row in range(begin, end):
        normalise(gates, row, 0, saved, row, at + wide, wide, at + 2 * wide)
        for j in range(wide):
            (gain, _, bias), (normal,) = load(units, 0, j, wide, 3), load(saved, row, at + wide + j, wide, 1)
            store(gates, row, j, wide, (gain * normal + bias,), 0, 1, 0)
        barrier()


def share_of_state(blas, weights, past, scratch, now, part):
    """gain N(U h), added to the gates of one step. `now` is the step's first row."""
    gates, share, saved, units = scratch.gates, scratch.share, past.saved, weights.units
    begin, end, hidden, wide = part.begin, part.end, past.fed.shape[1], gates.shape[1]
    at = (MIDDLE + 1) * hidden
    state, out = Tile(past.fed, now + begin, 0), Tile(share, begin, 0)
    product(blas, state, Tile(weights.recurrent, 0, 0), out, (end - begin, hidden, wide), False, False)
    barrier()
    for b in range(begin, end):
        normalise(share, b, 0, saved, now + b, at, wide, at + 2 * wide + 1)
        for j in range(wide):
            (_, gain, _), (normal,) = load(units, 0, j, wide, 3), load(saved, now + b, at + j, wide, 1)
            (before,) = load(gates, now + b, j, wide, 1)
            store(gates, now + b, j, wide, (before + gain * normal,), 0, 1, 0)
        barrier()


def step(past, units, gates, now, after):
    """Both halves of a step, of one row; `after` is the same row of the next step."""
    fed, unfed, saved = past.fed, past.unfed, past.saved
    hidden = fed.shape[1]
    middle, ends = MIDDLE * hidden, 3 * GATES * hidden
    for j in range(hidden):
        state = load(fed, now, j, hidden, 1) + load(unfed, now, j, hidden, UNFED)
        store(saved, now, j, hidden, early(load(gates, now, j, hidden, GATES), state), 0, MIDDLE, 0)
    barrier()
    normalise(saved, now, 0, saved, now, middle, hidden, (MIDDLE + 1 + 2 * GATES) * hidden + 2)
    barrier()
    for j in range(hidden):
        (gain, bias), (normal,) = load(units, 0, ends + j, hidden, 2), load(saved, now, middle + j, hidden, 1)
        new = late(gain * normal + bias, load(saved, now, j, hidden, MIDDLE))
        store(fed, after, j, hidden, new, 0, 1, 0)
        store(unfed, after, j, hidden, new, 1, UNFED, 8)
    barrier()
