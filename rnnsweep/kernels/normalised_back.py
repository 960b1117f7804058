"""The derivatives of `normalised`: templates as in `sequence_back`."""

from collections.abc import Callable
from typing import Any

from rnnsweep.kernels.intrinsics import added, barrier, load, product, store
from rnnsweep.kernels.jit import compiled
from rnnsweep.kernels.sequence import member_history, member_weights, put_time_first
from rnnsweep.kernels.sequence_back import member_grads, member_output_grads
from rnnsweep.kernels.structures import PRODUCTS, STEPS, TIME_ORDER, WHOLE, Tile

# Of the cell: see Normalised.numbers.
GATES = LEAVES = UNFED = MIDDLE = 1
early_backward: Callable[..., Any] = NotImplemented
late_backward: Callable[..., Any] = NotImplemented

PARTS = ("step_back", "through_gains", "grads_of_weights")


@compiled
def normalise_back(grads, row, column, saved, saved_row, saved_column, width, deviation):
    """In place: the gradient of the normalised numbers becomes that of the numbers before."""
    mean = along = grads.dtype.type(0)
    barrier()
    for j in range(width):
        (grad,), (normal,) = load(grads, row, column + j, 1, 1), load(saved, saved_row, saved_column + j, 1, 1)
        mean += grad
        along += grad * normal
    mean /= grads.dtype.type(width)
    along /= grads.dtype.type(width)
    scale = saved[saved_row, deviation]
    for j in range(width):
        (grad,), (normal,) = load(grads, row, column + j, 1, 1), load(saved, saved_row, saved_column + j, 1, 1)
        store(grads, row, column + j, 1, ((grad - mean - normal * along) * scale,), 0, 1, 0)
    barrier()


def retreat(blas, inputs, weights, history, output_grads, grads, scratch, part):
    """As in `sequence_back`; the gradients of the biases are left as they are."""
    rows, batch, hidden = len(scratch.gates), output_grads.state.shape[1], history.fed.shape[2]
    begin, stage = part.begin, part.stage
    for m in range(part.first, part.last):
        weight, past, x = member_weights(weights, m), member_history(history, m), inputs.x[m]
        above, ours = member_output_grads(output_grads, m), member_grads(grads, m)
        for back in range(rows // batch if stage in (WHOLE, STEPS) else 0):
            now = rows - (back + 1) * batch
            for b in range(begin, part.end):
                step_back(past, above, weight.units, ours.units, scratch, now, b, part.piece)
            barrier()
            gates, out = Tile(scratch.gates, now + begin, 0), Tile(above.state, begin, 0)
            size = (part.end - begin, GATES * hidden, hidden)
            product(blas, gates, Tile(weight.recurrent, 0, 0), out, size, False, True)
            barrier()
        if stage in (WHOLE, TIME_ORDER):
            through_gains(past.saved, weight.units, ours.units, scratch.apart)
            if inputs.batch_first:
                put_time_first(x, batch, scratch.time_first, 0, rows)
        if stage in (WHOLE, PRODUCTS):
            source = scratch.time_first if inputs.batch_first else x
            grads_of_weights(blas, source, weight, past, ours, scratch, part)


def step_back(past, above, units, unit_grads, scratch, now, b, piece):
    """The derivatives of a step, of row b: to the gates, and through the normalisation to the recurrent product."""
    fed, unfed, saved, gates, apart, inner = (
        past.fed,
        past.unfed,
        past.saved,
        scratch.gates,
        scratch.apart,
        scratch.inner,
    )
    dy, dstate, hidden, row = above.y, above.state, fed.shape[1], now + b
    batch, wide, at = len(dstate), GATES * hidden, (MIDDLE + 1) * hidden
    middle, ends = MIDDLE * hidden, 3 * GATES * hidden
    dy_row = b * (len(gates) // batch) + now // batch if above.batch_first else row
    barrier()
    for j in range(hidden):
        grad = added(load(dstate, b, j, hidden, LEAVES), load(dy, dy_row, j, hidden, 1))
        (gain, bias), (normal,) = load(units, 0, ends + j, hidden, 2), load(saved, row, middle + j, hidden, 1)
        dnormal, dmiddle = late_backward(grad, gain * normal + bias, load(saved, row, j, hidden, MIDDLE))
        store(inner, b, j, hidden, dmiddle, 0, MIDDLE, 0)
        store(inner, b, middle + j, hidden, (dnormal * gain,), 0, 1, 8)
        sums = added(load(unit_grads, piece, ends + j, hidden, 2), (dnormal * normal, dnormal))
        store(unit_grads, piece, ends + j, hidden, sums, 0, 2, 16)
    barrier()
    normalise_back(inner, b, middle, saved, row, middle, hidden, (MIDDLE + 1 + 2 * GATES) * hidden + 2)
    barrier()
    for j in range(hidden):
        dmiddle = added(load(inner, b, j, hidden, MIDDLE), load(inner, b, middle + j, hidden, 1))
        state = load(fed, row, j, hidden, 1) + load(unfed, row, j, hidden, UNFED)
        slopes = early_backward(dmiddle, load(saved, row, j, hidden, MIDDLE), state)
        store(apart, row, j, hidden, slopes.gates, 0, GATES, 0)
        store(dstate, b, j, hidden, slopes.state, 0, LEAVES, 8)
    barrier()
    for j in range(wide):
        store(gates, row, j, wide, (load(apart, row, j, wide, 1)[0] * load(units, 0, j, wide, 2)[1],), 0, 1, 0)
    normalise_back(gates, row, 0, saved, row, at, wide, at + 2 * wide + 1)


def through_gains(saved, units, unit_grads, apart):
    """The gradients of the gains and biases, and, in `apart`, those of the inputs' product."""
    wide = apart.shape[1]
    at = (MIDDLE + 1) * (wide // GATES)
    for row in range(len(apart)):
        for j in range(wide):
            (grad,), (recurrent, read) = load(apart, row, j, wide, 1), load(saved, row, at + j, wide, 2)
            sums = added(load(unit_grads, 0, j, wide, 3), (grad * read, grad * recurrent, grad))
            store(unit_grads, 0, j, wide, sums, 0, 3, 8)
            store(apart, row, j, wide, (grad * load(units, 0, j, wide, 1)[0],), 0, 1, 0)
        normalise_back(apart, row, 0, saved, row, at + wide, wide, at + 2 * wide)


def grads_of_weights(blas, x, weights, past, grads, scratch, part):
    """Three products over all steps, or the one that `part.piece` names."""
    rows, wide, hidden, width = len(scratch.apart), scratch.apart.shape[1], past.fed.shape[1], x.shape[1]
    whole, apart, gates = part.stage == WHOLE, Tile(scratch.apart, 0, 0), Tile(scratch.gates, 0, 0)
    if whole or part.piece == 0:
        product(blas, apart, Tile(x, 0, 0), Tile(grads.weight_ih, 0, 0), (wide, rows, width), True, False)
    if whole or part.piece == 1:
        product(blas, gates, Tile(past.fed, 0, 0), Tile(grads.weight_hh, 0, 0), (wide, rows, hidden), True, False)
    if len(grads.x) and (whole or part.piece == 2):
        product(blas, apart, Tile(weights.inputs, 0, 0), Tile(grads.x, 0, 0), (rows, wide, width), False, False)
