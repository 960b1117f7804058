"""The derivatives of `sequence`: from the last step to the first, then those of the weights and the inputs.

Templates as in `sequence`.
"""

from collections.abc import Callable
from typing import Any

from rnnsweep.kernels.intrinsics import added, barrier, load, product, store
from rnnsweep.kernels.jit import compiled, inlined
from rnnsweep.kernels.sequence import member_history, member_weights, put_time_first
from rnnsweep.kernels.structures import PRODUCTS, STEPS, TIME_ORDER, WHOLE, Grads, OutputGrads, Tile

# Of the cell: see Pointwise.numbers.
GATES = SUMMED = APART = REACHED = INNER = OUTER = LEAVES = FED = UNFED = PARAMETERS = SAVED = INNER_SAVED = 1
PRODUCT = True
backward: Callable[..., Any] = NotImplemented
inner_backward: Callable[..., Any] = NotImplemented

PARTS = ("step_back", "halfway_back", "grads_of_inputs", "grads_of_recurrent", "grads_of_x")  # that `retreat` calls
ALL = -1  # of the products over all steps


@inlined
def member_output_grads(grads, m):
    """The gradients of member m."""
    return OutputGrads(grads.y[m], grads.batch_first, grads.state[m])


@inlined
def member_grads(grads, m):
    """The gradients of member m."""
    return Grads(grads.x[m], grads.weight_ih[m], grads.weight_hh[m], grads.bias_ih[m], grads.bias_hh[m], grads.units[m])


@compiled
def total(values, block, out):
    """The sums over rows, block by block and then over the blocks, for precision."""
    out[:] = 0
    part = out.copy()
    for start in range(0, len(values), block):
        part[:] = 0
        for row in range(start, min(start + block, len(values))):
            for j in range(len(out)):
                part[j] += values[row, j]
        for j in range(len(out)):
            out[j] += part[j]


def retreat(blas, inputs, weights, history, output_grads, grads, scratch, part):
    """Computes the gradients for some members and rows of each batch.

    Stages: WHOLE; STEPS; TIME_ORDER, which brings the inputs into the order of time; PRODUCTS, one of those over all
    steps: `part.piece` 0 is that of weight_ih and the biases, 1 that of weight_hh, 2 that of the inputs.
    """
    rows, batch, hidden = len(scratch.gates), output_grads.state.shape[1], output_grads.state.shape[2] // LEAVES
    stage, which = part.stage, part.piece if part.stage == PRODUCTS else ALL
    for m in range(part.first, part.last):
        weight, past, x = member_weights(weights, m), member_history(history, m), inputs.x[m]
        above, ours = member_output_grads(output_grads, m), member_grads(grads, m)
        for back in range(rows // batch if stage in (WHOLE, STEPS) else 0):
            t = rows // batch - 1 - back
            now = t * batch
            step_back(past, above, weight.units, ours.units, scratch, t, part)
            if INNER:
                halfway_back(blas, weight.recurrent, past, above.state, scratch, now, part)
            if PRODUCT:
                size = (part.end - part.begin, REACHED * hidden, FED * hidden)
                gates, state = Tile(scratch.gates, now + part.begin, 0), Tile(above.state, part.begin, 0)
                product(blas, gates, Tile(weight.recurrent, 0, 0), state, size, False, True)
        if inputs.batch_first and stage in (WHOLE, TIME_ORDER):
            put_time_first(x, batch, scratch.time_first, 0, rows)
        if stage in (WHOLE, PRODUCTS):
            if which == ALL or which == 0:
                source = scratch.time_first if inputs.batch_first else x
                grads_of_inputs(blas, source, batch, ours, scratch)
            if which == ALL or which == 1:
                grads_of_recurrent(blas, past, ours.weight_hh, scratch.gates)
            if len(ours.x) and (which == ALL or which == 2):
                grads_of_x(blas, weight.inputs, ours.x, scratch)


def step_back(past, above, units, unit_grads, scratch, t, part):
    """The cell's function `backward` for each unit of step t."""
    fed, unfed, saved, dy, dstate = past.fed, past.unfed, past.saved, above.y, above.state
    gates, apart, piece = scratch.gates, scratch.apart, part.piece
    batch, hidden = len(dstate), dstate.shape[1] // LEAVES
    now, after = t * batch, (t + 1) * batch
    row_step, step = (len(gates) // batch, 1) if above.batch_first else (1, batch)
    for b in range(part.begin, part.end):
        for j in range(hidden):
            grad = added(load(dstate, b, j, hidden, LEAVES), load(dy, b * row_step + t * step, j, hidden, 1))
            state = load(fed, now + b, j, hidden, FED) + load(unfed, now + b, j, hidden, UNFED)
            new = load(fed, after + b, j, hidden, FED) + load(unfed, after + b, j, hidden, UNFED)
            memory = load(saved, now + b, j, hidden, SAVED)
            slopes = backward(grad, memory, state, new, load(units, 0, j, hidden, PARAMETERS))
            store(gates, now + b, j, hidden, slopes.gates, 0, SUMMED, 0)
            store(gates, now + b, SUMMED * hidden + j, hidden, slopes.recurrent, 0, APART, 8)
            store(apart, now + b, j, hidden, slopes.gates, SUMMED, APART, 16)
            store(dstate, b, j, hidden, slopes.state, 0, LEAVES, 24)
            if PARAMETERS:
                sums = added(load(unit_grads, piece, j, hidden, PARAMETERS), slopes.parameters)
                store(unit_grads, piece, j, hidden, sums, 0, PARAMETERS, 32)
        barrier()


def halfway_back(blas, weight, past, dstate, scratch, now, part):
    """The derivatives of `halfway`: from the inner gates to the others and to the state."""
    fed, unfed, saved, gates, inner = past.fed, past.unfed, past.saved, scratch.gates, scratch.inner
    hidden, begin = fed.shape[1] // FED, part.begin
    for i in range(INNER):
        gate, matrix = Tile(gates, now + begin, (OUTER + i) * hidden), Tile(weight, (REACHED + i) * hidden, 0)
        out = Tile(inner, begin, i * hidden)
        product(blas, gate, matrix, out, (part.end - begin, hidden, hidden), False, False)
    barrier()
    for b in range(begin, part.end):
        for j in range(hidden):
            state = load(fed, now + b, j, hidden, FED) + load(unfed, now + b, j, hidden, UNFED)
            half = load(saved, now + b, SAVED * hidden + j, hidden, INNER_SAVED)
            slopes = inner_backward(load(inner, b, j, hidden, INNER), half, state)
            store(gates, now + b, j, hidden, added(load(gates, now + b, j, hidden, OUTER), slopes.gates), 0, OUTER, 0)
            store(dstate, b, j, hidden, added(load(dstate, b, j, hidden, LEAVES), slopes.state), 0, LEAVES, 8)
    barrier()


def grads_of_inputs(blas, x, batch, grads, scratch):
    """The gradients of weight_ih and of the biases."""
    gates, apart, weight = scratch.gates, scratch.apart, grads.weight_ih
    rows, hidden, width = len(x), gates.shape[1] // GATES, x.shape[1]
    source, summed = Tile(x, 0, 0), SUMMED * hidden
    product(blas, Tile(gates, 0, 0), source, Tile(weight, 0, 0), (summed, rows, width), True, False)
    if APART:
        out = Tile(weight, summed, 0)
        product(blas, Tile(apart, 0, 0), source, out, (APART * hidden, rows, width), True, False)
    total(gates, batch, grads.bias_hh)
    grads.bias_ih[:summed] = grads.bias_hh[:summed]
    if APART:
        total(apart, batch, grads.bias_ih[summed:])


def grads_of_recurrent(blas, past, weight, gates):
    """The gradient of weight_hh."""
    rows, hidden = len(gates), gates.shape[1] // GATES
    if PRODUCT:
        size = (REACHED * hidden, rows, FED * hidden)
        product(blas, Tile(gates, 0, 0), Tile(past.fed, 0, 0), Tile(weight, 0, 0), size, True, False)
    for i in range(INNER):
        gate, vector = (OUTER + i) * hidden, Tile(past.saved, 0, (SAVED + INNER_SAVED + i) * hidden)
        out = Tile(weight, (REACHED + i) * hidden, 0)
        product(blas, Tile(gates, 0, gate), vector, out, (hidden, rows, hidden), True, False)


def grads_of_x(blas, weight, out, scratch):
    """The gradient of the inputs."""
    rows, hidden, width = len(out), scratch.gates.shape[1] // GATES, out.shape[1]
    to, summed = Tile(out, 0, 0), SUMMED * hidden
    product(blas, Tile(scratch.gates, 0, 0), Tile(weight, 0, 0), to, (rows, summed, width), False, False)
    if APART:
        matrix = Tile(weight, summed, 0)
        product(blas, Tile(scratch.apart, 0, 0), matrix, to, (rows, APART * hidden, width), False, True)
