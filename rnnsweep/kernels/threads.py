"""Threads, so that no number depends on how many there are.

Where torch, or the BLAS below it, has more threads it may add in another order. So it computes with one thread, and the
compiled kernels share out their work themselves: in pieces that one thread works off in the same way as many do.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from rnnsweep.kernels import blas

_count: ContextVar[int] = ContextVar("threads", default=0)


def count() -> int:
    """How many threads share the pieces."""
    return _count.get() or torch.get_num_threads()


@contextmanager
def using(threads: int, in_torch: bool = False) -> Iterator[None]:
    """Inside the block pieces are shared among `threads`.

    Args:
        threads: how many.
        in_torch: torch's own operations use as many, too; then their numbers may depend on how many there are.
    """
    before, token = torch.get_num_threads(), _count.set(threads)
    torch.set_num_threads(threads if in_torch else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _count.reset(token)


@contextmanager
def sharing(threads: int) -> Iterator[None]:
    """Inside the block pieces are shared among `threads`; torch's own operations keep theirs."""
    token = _count.set(threads)
    try:
        yield
    finally:
        _count.reset(token)


def work_off(pieces: Iterable[Callable[[], object]]) -> None:
    """Calls all of them, each in one thread, and returns when they are done."""
    if count() == 1:
        with blas.one_thread():
            for piece in pieces:
                piece()
    else:
        list(_pool(count()).map(lambda piece: piece(), pieces))


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, initializer=blas.use_one_thread)
