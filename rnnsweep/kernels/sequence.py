"""One layer of any recurrent cell over (member, time, batch), forward and backward, compiled for one cell.

The functions below are templates: `fused` compiles a copy of each for a cell, in which the names under
"Of the cell" stand for its numbers and functions. Members are worked off one after another, each as if it were
alone, through the same scratch memory, which so stays in the cache. Time comes before batch, so that a step is a
block of rows:

    x, y    (member, time * batch, features), or with `batch_first` (member, batch * time, features)
    fed     (member, (time + 1) * batch, K hidden)   the leaves that feed the product: first the initial state
    own     (member, (time + 1) * batch, (L - K) hidden)   the other leaves
    kept    (member, time * batch, (KEPT + EARLY + N) hidden)   what the derivative needs: of the step, of its first
            half, and the vectors that the inner gates' products read
    gates, dgates (time * batch, G hidden), dapart (time * batch, A hidden), share (batch, G hidden),
    dinner (batch, N hidden), turned (time * batch, in): scratch
"""

from collections.abc import Callable
from typing import Any

from rnnsweep.kernels.jit import added, barrier, compiled, load, product, store

# Of the cell: gates, those among them whose recurrent share is summed and is apart, that the product of the state
# reaches, that an inner one does and all others, leaves, leaves that feed the product and that do not, parameters
# of a unit, numbers kept of the step and of its first half; whether there is a product.
G = S = A = R = N = B = L = K = Q = P = KEPT = EARLY = 1
PRODUCT = True
forward: Callable[..., Any] = NotImplemented
backward: Callable[..., Any] = NotImplemented
inner_forward: Callable[..., Any] = NotImplemented
inner_backward: Callable[..., Any] = NotImplemented

PARTS = ("gather", "halfway", "halfway_back")  # that the two others call
ALL = -1  # of gather's products


@compiled
def turn(rows, batch, turned, begin, end):  # type: ignore[no-untyped-def]
    """The rows of (batch, time) in the order of (time, batch): those that become begin..end."""
    time = len(rows) // batch
    for row in range(begin, end):
        t, b = row // batch, row % batch
        for j in range(rows.shape[1]):
            turned[row, j] = rows[b * time + t, j]


@compiled
def project(blas, x, batch_first, weight, batch, turned, gates, begin, end):  # type: ignore[no-untyped-def]
    """gates = x weight, the inputs' share in rows begin..end of all steps, in one product; weight (in, G hidden)."""
    rows, width, wide = end - begin, x.shape[1], gates.shape[1]
    if batch_first:
        turn(x, batch, turned, begin, end)
        product(blas, turned, begin, 0, False, weight, 0, 0, rows, width, wide, gates, begin, 0, False)
    else:
        product(blas, x, begin, 0, False, weight, 0, 0, rows, width, wide, gates, begin, 0, False)


def advance(  # type: ignore[no-untyped-def]
    blas, x, batch_first, weight_ih, weight_hh, bias, units, fed, own, kept, turned, gates, share, stage, first, last,
    begin, end,
):  # fmt: skip
    """The steps of members first..last and of rows begin..end of each batch; fills fed, own and kept.

    weight_ih (member, in, G hidden), weight_hh (member, K hidden, (R + N) hidden), bias (member, 1, (G + A) hidden),
    units (member, 1, P hidden). stage 0: all of it; 1: the projection alone, of rows begin..end of all steps; 2:
    without it.
    """
    batch, hidden = len(share), bias.shape[2] // (G + A)
    rows, width, wide = end - begin, K * hidden, G * hidden
    for m in range(first, last):
        if stage == 0:
            project(blas, x[m], batch_first, weight_ih[m], batch, turned, gates, 0, len(gates))
        if stage == 1:
            project(blas, x[m], batch_first, weight_ih[m], batch, turned, gates, begin, end)
        f, o, k, w, c, p = fed[m], own[m], kept[m], weight_hh[m], bias[m], units[m]
        for t in range(len(gates) // batch if stage != 1 else 0):
            now, after = t * batch, (t + 1) * batch
            if PRODUCT:
                if A and not N:
                    product(blas, f, now + begin, 0, False, w, 0, 0, rows, width, wide, share, begin, 0, False)
                else:
                    product(blas, f, now + begin, 0, False, w, 0, 0, rows, width, R * hidden, gates, now + begin, 0,
                            True)  # fmt: skip
            barrier()
            if N:
                halfway(blas, w, c, f, o, k, gates, share, now, begin, end)
            for b in range(begin, end):
                for j in range(hidden):
                    before = added(load(gates, now + b, j, hidden, G), load(c, 0, j, hidden, G))
                    apart = load(share, b, S * hidden + j, hidden, A)
                    if A and not N:
                        before = added(before, load(share, b, j, hidden, S))
                    if A:
                        apart = added(apart, load(c, 0, wide + j, hidden, A))
                    s = load(f, now + b, j, hidden, K) + load(o, now + b, j, hidden, Q)
                    new, keep = forward(before, apart, s, load(p, 0, j, hidden, P))
                    store(f, after + b, j, hidden, new, 0, K, 0)
                    store(o, after + b, j, hidden, new, K, Q, 8)
                    store(k, now + b, j, hidden, keep, 0, KEPT, 16)
            barrier()


def halfway(blas, weight, bias, fed, own, kept, gates, share, now, begin, end):  # type: ignore[no-untyped-def]
    """What the inner gates' products read, and these products: to the gates, or to `share` where they are apart."""
    hidden, rows = fed.shape[1] // K, end - begin
    for b in range(begin, end):
        for j in range(hidden):
            before = added(load(gates, now + b, j, hidden, B), load(bias, 0, j, hidden, B))
            s = load(fed, now + b, j, hidden, K) + load(own, now + b, j, hidden, Q)
            read, keep = inner_forward(before, s)
            store(kept, now + b, KEPT * hidden + j, hidden, keep, 0, EARLY, 0)
            store(kept, now + b, (KEPT + EARLY) * hidden + j, hidden, read, 0, N, 8)
    barrier()
    for i in range(N):
        at, gate, to = (KEPT + EARLY + i) * hidden, (B + i) * hidden, (R + i) * hidden
        if A:
            product(blas, kept, now + begin, at, False, weight, 0, to, rows, hidden, hidden, share, begin, gate, False)
        else:
            product(blas, kept, now + begin, at, False, weight, 0, to, rows, hidden, hidden, gates, now + begin, gate,
                    True)  # fmt: skip
    barrier()


def retreat(  # type: ignore[no-untyped-def]
    blas, dy, dy_batch_first, dstate, dunits, fed, own, kept, weight_hh, units, dgates, dapart, dinner, stage,
    x, batch_first, weight_ih, turned, dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh, first, last, begin, end, piece,
):  # fmt: skip
    """The derivatives of `advance`: from the last step to the first, then those of the weights and inputs.

    dy (member, time * batch, hidden) reaches the outputs; dstate (member, batch, L hidden) the last state, and
    becomes that of the initial one. dgates reaches the recurrent shares, dapart the inputs' share of the gates that
    are apart; dunits (member, pieces, P hidden). weight_hh (member, (R + N) hidden, K hidden), weight_ih (member, G
    hidden, in). stage 0: all of it; 1: the steps alone; 2: the inputs in the order of time; 3: one of the products
    over all steps, `piece`, as in `gather`.
    """
    batch, hidden = dstate.shape[1], dstate.shape[2] // L
    time = len(dgates) // batch
    row_step, step = (time, 1) if dy_batch_first else (1, batch)
    for m in range(first, last):
        y, d, e = dy[m], dstate[m], dunits[m]
        f, o, k, w, p = fed[m], own[m], kept[m], weight_hh[m], units[m]
        for back in range(time if stage < 2 else 0):
            t = time - 1 - back
            now, after = t * batch, (t + 1) * batch
            for b in range(begin, end):
                for j in range(hidden):
                    grads = added(load(d, b, j, hidden, L), load(y, b * row_step + t * step, j, hidden, 1))
                    s = load(f, now + b, j, hidden, K) + load(o, now + b, j, hidden, Q)
                    new = load(f, after + b, j, hidden, K) + load(o, after + b, j, hidden, Q)
                    keep = load(k, now + b, j, hidden, KEPT)
                    dx_, du, ds, dp = backward(grads, keep, s, new, load(p, 0, j, hidden, P))
                    store(dgates, now + b, j, hidden, dx_, 0, S, 0)
                    store(dgates, now + b, S * hidden + j, hidden, du, 0, A, 8)
                    store(dapart, now + b, j, hidden, dx_, S, A, 16)
                    store(d, b, j, hidden, ds, 0, L, 24)
                    if P:
                        store(e, piece, j, hidden, added(load(e, piece, j, hidden, P), dp), 0, P, 32)
                barrier()
            if N:
                halfway_back(blas, w, f, o, k, d, dgates, dinner, now, begin, end)
            if PRODUCT:
                rows, wide, width = end - begin, R * hidden, K * hidden
                product(blas, dgates, now + begin, 0, False, w, 0, 0, rows, wide, width, d, begin, 0, True)
        if batch_first and (stage == 0 or stage == 2):
            turn(x[m], batch, turned, 0, len(turned))
        if stage == 0 or stage == 3:
            gather(blas, dgates, dapart, turned if batch_first else x[m], f, k, weight_ih[m], batch, dx[m],
                   dweight_ih[m], dweight_hh[m], dbias_ih[m], dbias_hh[m], piece if stage == 3 else ALL)  # fmt: skip


def halfway_back(blas, weight, fed, own, kept, dstate, dgates, dinner, now, begin, end):  # type: ignore[no-untyped-def]
    """The derivatives of `halfway`: from the inner gates to the others and the state."""
    hidden, rows = fed.shape[1] // K, end - begin
    for i in range(N):
        gate, to = (B + i) * hidden, (R + i) * hidden
        product(blas, dgates, now + begin, gate, False, weight, to, 0, rows, hidden, hidden, dinner, begin, i * hidden,
                False)  # fmt: skip
    barrier()
    for b in range(begin, end):
        for j in range(hidden):
            s = load(fed, now + b, j, hidden, K) + load(own, now + b, j, hidden, Q)
            keep = load(kept, now + b, KEPT * hidden + j, hidden, EARLY)
            dx, ds = inner_backward(load(dinner, b, j, hidden, N), keep, s)
            dx = added(load(dgates, now + b, j, hidden, B), dx)
            store(dgates, now + b, j, hidden, dx, 0, B, 0)
            store(dstate, b, j, hidden, added(load(dstate, b, j, hidden, L), ds), 0, L, 8)
    barrier()


def gather(  # type: ignore[no-untyped-def]
    blas, dgates, dapart, x, fed, kept, weight, batch, dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh, which,
):  # fmt: skip
    """The gradients of the inputs and the weights from those of the gates at all steps, one product each.

    which: ALL, or 0: those of weight_ih and the biases; 1: that of weight_hh; 2: that of the inputs. Where dx has no
    rows it is not wanted.
    """
    rows, wide, hidden = len(x), x.shape[1], dgates.shape[1] // G
    if which == ALL or which == 0:
        product(blas, dgates, 0, 0, True, x, 0, 0, S * hidden, rows, wide, dweight_ih, 0, 0, False)
        if A:
            product(blas, dapart, 0, 0, True, x, 0, 0, A * hidden, rows, wide, dweight_ih, S * hidden, 0, False)
        total(dgates, batch, dbias_hh)
        dbias_ih[: S * hidden] = dbias_hh[: S * hidden]
        if A:
            total(dapart, batch, dbias_ih[S * hidden :])
    if which == ALL or which == 1:
        if PRODUCT:
            product(blas, dgates, 0, 0, True, fed, 0, 0, R * hidden, rows, K * hidden, dweight_hh, 0, 0, False)
        for i in range(N):
            gate, at = (B + i) * hidden, (KEPT + EARLY + i) * hidden
            product(blas, dgates, 0, gate, True, kept, 0, at, hidden, rows, hidden, dweight_hh, (R + i) * hidden, 0,
                    False)  # fmt: skip
    if len(dx) and (which == ALL or which == 2):
        product(blas, dgates, 0, 0, False, weight, 0, 0, rows, S * hidden, wide, dx, 0, 0, False)
        if A:
            product(blas, dapart, 0, 0, False, weight, S * hidden, 0, rows, A * hidden, wide, dx, 0, 0, True)


@compiled
def total(values, block, out):  # type: ignore[no-untyped-def]
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
