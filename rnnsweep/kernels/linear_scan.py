"""h_t = a_t h_{t-1} + b_t over all steps at once, with gradients; under torch.vmap over all members at once.

In the fused execution compiled code walks the steps (on a CPU: it reads each number once, and that is the limit);
elsewhere torch does, in blocks: (a, b) followed by (a', b') is (a a', a' b + b'), which is associative (Blelloch 1990),
so the ends of blocks obey a shorter recurrence of the same form, and the steps within all blocks go side by side.

Nothing is divided and no logarithm taken, so no length overflows. The literature's scan in log space (Heinsen 2023),
exp(A_t + logcumsumexp_s(log b_s - A_s)) with A = cumsum(log a), loses digits as A grows: in float32, with a and b
uniform, h is off by 1e-3 after 4096 steps and by 2e-5 after 64, here by 5e-7; and it takes ten times as long.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.kernels import execution, fused, threads
from rnnsweep.kernels.members import over_members

BLOCK = 16  # steps; a recurrence of T has blocks of blocks, log_16(T) levels
SHARED_WORK = 2**18  # numbers of h from which the threads share them


def linear_scan(
    a: Float[Tensor, "*batch time hidden"],
    b: Float[Tensor, "*batch time hidden"],
    first: Float[Tensor, "*batch hidden"],
) -> Float[Tensor, "*batch time hidden"]:
    """h at all steps; `first` is h before the first one."""
    return over_members(_scan, a, b, first)[0]


def _scan(a: Tensor, b: Tensor, first: Tensor) -> tuple[Tensor]:
    return (_Scan.apply(a, b, first),)


class _Scan(torch.autograd.Function):
    """a, b (member, batch, time, hidden), first (member, batch, hidden)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, first: Tensor) -> Tensor:
        ctx.compiled = execution() == "fused" and fused.serves(a)
        h = _walk(a, b, first) if ctx.compiled else blocked(a, b, first)
        ctx.save_for_backward(a, first, h)
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, first, h = ctx.saved_tensors
        if ctx.compiled:
            return _walk_back(a, first, h, dh)
        # the whole gradient of h_t: db_t = dh_t + a_{t+1} db_{t+1}, the same recurrence from the end
        later = torch.cat([a[..., 1:, :], torch.zeros_like(a[..., :1, :])], -2)
        db = blocked(later.flip(-2), dh.flip(-2), torch.zeros_like(first)).flip(-2)
        before = torch.cat([first.unsqueeze(-2), h[..., :-1, :]], -2)
        return db * before, db, db[..., 0, :] * a[..., 0, :]


def blocked(
    a: Float[Tensor, "*batch time hidden"],
    b: Float[Tensor, "*batch time hidden"],
    first: Float[Tensor, "*batch hidden"],
) -> Float[Tensor, "*batch time hidden"]:
    """The recurrence in torch's operations."""
    time = a.shape[-2]
    if time < 2 * BLOCK:
        steps = [first]
        for factor, summand in zip(a.unbind(-2), b.unbind(-2), strict=True):
            steps.append(torch.addcmul(summand, factor, steps[-1]))
        return torch.stack(steps[1:], -2)
    whole = time // BLOCK * BLOCK
    within = (*a.shape[:-2], whole // BLOCK, BLOCK, a.shape[-1])
    a_in, b_in = (values[..., :whole, :].reshape(within).unbind(-2) for values in (a, b))
    factors, own = [a_in[0]], [b_in[0]]  # of each block, from its beginning to each of its steps
    for factor, summand in zip(a_in[1:], b_in[1:], strict=True):
        factors.append(factors[-1] * factor)
        own.append(torch.addcmul(summand, factor, own[-1]))
    ends = blocked(factors[-1], own[-1], first)  # (*batch, block, hidden)
    begins = torch.cat([first.unsqueeze(-2), ends[..., :-1, :]], -2)
    h = torch.stack([torch.addcmul(*parts, begins) for parts in zip(own, factors, strict=True)], -2).flatten(-3, -2)
    if whole < time:
        h = torch.cat([h, blocked(a[..., whole:, :], b[..., whole:, :], h[..., -1, :])], -2)
    return h


# Compiled --------------------------------------------------------------------------------------------------------


def _walk(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
    from rnnsweep.kernels import linear_steps

    time_first = _lies_time_first(a)
    a_rows, b_rows = _rows(a, time_first), _rows(b, time_first)
    h = torch.empty_like(a_rows)
    _share(linear_steps.ADVANCE, a_rows, b_rows, _row_starts(first, h), h)
    return _in_place(h, a.shape, time_first)


def _walk_back(a: Tensor, first: Tensor, h: Tensor, dh: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    from rnnsweep.kernels import linear_steps

    time_first = _lies_time_first(a)
    a_rows, h_rows, dh_rows = (_rows(values, time_first) for values in (a, h, dh))
    da, db, starts = torch.empty_like(h_rows), torch.empty_like(h_rows), _row_starts(first, h_rows)
    dfirst = torch.empty_like(starts)
    _share(linear_steps.RETREAT, a_rows, starts, h_rows, dh_rows, da, db, dfirst)
    return _in_place(da, a.shape, time_first), _in_place(db, a.shape, time_first), dfirst.view_as(first)


def _lies_time_first(x: Tensor) -> bool:
    """Whether (member, batch, time, hidden) is the transposed view of (member, time, batch, hidden)."""
    return x.transpose(1, 2).is_contiguous() and not x.is_contiguous()


def _rows(x: Tensor, time_first: bool) -> Float[Tensor, "row time width"]:
    """As the compiled code wants it, without a copy where x lies so: a row is a member, or one of its sequences."""
    return (x.transpose(1, 2).flatten(2) if time_first else x.flatten(0, 1)).contiguous()


def _row_starts(first: Tensor, rows: Tensor) -> Float[Tensor, "row width"]:
    return first.contiguous().view(len(rows), rows.shape[2])


def _in_place(rows: Tensor, shape: torch.Size, time_first: bool) -> Float[Tensor, "member batch time hidden"]:
    """The inverse of `_rows`."""
    members, batch, time, hidden = shape
    return rows.view(members, time, batch, hidden).transpose(1, 2) if time_first else rows.view(shape)


def _share(program: Callable[..., None], *tensors: Tensor) -> None:
    """Calls the program on all rows, or each thread on its part of the rows, or of their width where these are few."""
    rows, time, width = tensors[0].shape
    arrays = [tensor.detach().numpy() for tensor in tensors]
    count = threads.count() if rows * time * width >= SHARED_WORK else 1
    if count == 1:
        program(*arrays, 0, rows, 0, width)
        return
    length = rows if rows >= count else width
    cuts = [length * i // count for i in range(count + 1)]
    parts = [(*cut, 0, width) if rows >= count else (0, rows, *cut) for cut in itertools.pairwise(cuts)]
    threads.work_off(functools.partial(program, *arrays, *part) for part in parts)
