"""One layer of a recurrent cell over (member, time, batch), forward: the templates that are compiled for each cell.

`program` compiles a copy of each template for a cell, in which the names below "Of the cell" are the cell's numbers and
functions. `sequence_back` has the derivatives. The arrays are described in `structures`. Members are computed one after
another, each as if it were alone, in the same scratch memory, which so stays in the processor's cache.

`History.saved` has (SAVED + INNER_SAVED + INNER) hidden columns: what the step saves, what its first half saves, and
the vectors that the inner gates' products read.
"""

from collections.abc import Callable
from typing import Any

from rnnsweep.kernels.intrinsics import added, barrier, load, product, store
from rnnsweep.kernels.jit import compiled, inlined
from rnnsweep.kernels.structures import PROJECTION, WHOLE, History, Tile, Weights

# Of the cell: see Pointwise.numbers.
GATES = SUMMED = APART = REACHED = INNER = OUTER = LEAVES = FED = UNFED = PARAMETERS = SAVED = INNER_SAVED = 1
PRODUCT = True
forward: Callable[..., Any] = NotImplemented
inner_forward: Callable[..., Any] = NotImplemented

PARTS = ("halfway", "recur", "step")  # the templates that `advance` calls, each after those that it calls itself


@inlined
def member_weights(weights, m):
    """The weights of member m."""
    return Weights(weights.inputs[m], weights.recurrent[m], weights.bias[m], weights.units[m])


@inlined
def member_history(history, m):
    """The history of member m."""
    return History(history.fed[m], history.unfed[m], history.saved[m])


@compiled
def put_time_first(rows, batch, time_first, begin, end):
    """Copies the rows of (batch, time) in the order of (time, batch): those that become begin..end."""
    time = len(rows) // batch
    for row in range(begin, end):
        t, b = row // batch, row % batch
        for j in range(rows.shape[1]):
            time_first[row, j] = rows[b * time + t, j]


@compiled
def project(blas, x, batch_first, weight, scratch, begin, end):
    """gates = x weight in rows begin..end of all steps, in one product; weight (in, gates hidden)."""
    if batch_first:
        put_time_first(x, len(scratch.share), scratch.time_first, begin, end)
    source = scratch.time_first if batch_first else x
    size = (end - begin, x.shape[1], scratch.gates.shape[1])
    product(
        blas,
        Tile(source, begin, 0),
        Tile(weight, 0, 0),
        Tile(scratch.gates, begin, 0),
        size,
        False,
        False,
    )


def advance(blas, inputs, weights, history, scratch, part):
    """Computes the steps of some members and rows of each batch; fills `history`.

    Stages: WHOLE; PROJECTION alone, of rows begin..end of all steps; STEPS, after that.
    """
    rows, batch = len(scratch.gates), len(scratch.share)
    for m in range(part.first, part.last):
        weight, past = member_weights(weights, m), member_history(history, m)
        if part.stage == WHOLE:
            project(blas, inputs.x[m], inputs.batch_first, weight.inputs, scratch, 0, rows)
        if part.stage == PROJECTION:
            project(blas, inputs.x[m], inputs.batch_first, weight.inputs, scratch, part.begin, part.end)
        for t in range(rows // batch if part.stage != PROJECTION else 0):
            if PRODUCT:
                recur(blas, weight, past, scratch, t * batch, part)
            barrier()
            if INNER:
                halfway(blas, weight, past, scratch, t * batch, part)
            step(weight, past, scratch, t * batch, part)
            barrier()


def recur(blas, weights, past, scratch, now, part):
    """U h, added to the gates; into `share` where some gates take their share apart. `now` is the step's first row."""
    begin, rows, hidden = part.begin, part.end - part.begin, past.fed.shape[1] // FED
    state, matrix = Tile(past.fed, now + begin, 0), Tile(weights.recurrent, 0, 0)
    if APART and not INNER:
        size = (rows, FED * hidden, GATES * hidden)
        product(blas, state, matrix, Tile(scratch.share, begin, 0), size, False, False)
    else:
        size = (rows, FED * hidden, REACHED * hidden)
        product(blas, state, matrix, Tile(scratch.gates, now + begin, 0), size, False, True)


def step(weights, past, scratch, now, part):
    """The cell's function `forward` for each unit of one step."""
    fed, unfed, saved, bias, units = past.fed, past.unfed, past.saved, weights.bias, weights.units
    gates, share = scratch.gates, scratch.share
    hidden, after = fed.shape[1] // FED, now + len(share)
    for b in range(part.begin, part.end):
        for j in range(hidden):
            before = added(load(gates, now + b, j, hidden, GATES), load(bias, 0, j, hidden, GATES))
            recurrent = load(share, b, SUMMED * hidden + j, hidden, APART)
            if APART and not INNER:
                before = added(before, load(share, b, j, hidden, SUMMED))
            if APART:
                recurrent = added(recurrent, load(bias, 0, GATES * hidden + j, hidden, APART))
            state = load(fed, now + b, j, hidden, FED) + load(unfed, now + b, j, hidden, UNFED)
            new = forward(before, recurrent, state, load(units, 0, j, hidden, PARAMETERS))
            store(fed, after + b, j, hidden, new.state, 0, FED, 0)
            store(unfed, after + b, j, hidden, new.state, FED, UNFED, 8)
            store(saved, now + b, j, hidden, new.saved, 0, SAVED, 16)


def halfway(blas, weights, past, scratch, now, part):
    """The cell's function `inner_forward`, and the products that read its vectors: into the gates or into `share`."""
    fed, unfed, saved, bias, gates = past.fed, past.unfed, past.saved, weights.bias, scratch.gates
    begin, rows, hidden = part.begin, part.end - part.begin, fed.shape[1] // FED
    for b in range(begin, part.end):
        for j in range(hidden):
            before = added(load(gates, now + b, j, hidden, OUTER), load(bias, 0, j, hidden, OUTER))
            state = load(fed, now + b, j, hidden, FED) + load(unfed, now + b, j, hidden, UNFED)
            half = inner_forward(before, state)
            store(saved, now + b, SAVED * hidden + j, hidden, half.saved, 0, INNER_SAVED, 0)
            store(saved, now + b, (SAVED + INNER_SAVED) * hidden + j, hidden, half.vectors, 0, INNER, 8)
    barrier()
    for i in range(INNER):
        vector = Tile(saved, now + begin, (SAVED + INNER_SAVED + i) * hidden)
        matrix, gate = Tile(weights.recurrent, 0, (REACHED + i) * hidden), (OUTER + i) * hidden
        if APART:
            out = Tile(scratch.share, begin, gate)
            product(blas, vector, matrix, out, (rows, hidden, hidden), False, False)
        else:
            out = Tile(gates, now + begin, gate)
            product(blas, vector, matrix, out, (rows, hidden, hidden), False, True)
    barrier()
