"""How the sequence of a recurrent cell is executed: the same weights and mathematics, three programs.

`library`: the fused kernel that comes with torch (nn.GRU's own), for one model; a stack's members take turns.
`fused`: a kernel of our own, compiled from the cell's mathematics, over (member, time, batch).
`scan`: the cell's written-out step, looped over time; under torch.vmap each product serves all members.

The three agree to rounding. So which of them a run gets is decided once for its shape and the machine: see choice.py.

A linear recurrence has no library's kernel; `fused` and `scan` are the two ways of `linear_scan`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Execution = Literal["library", "fused", "scan"]

_execution: ContextVar[Execution] = ContextVar("execution", default="library")


def execution() -> Execution:
    """How recurrent cells run in this context; the scan where that way is not available."""
    return _execution.get()


@contextmanager
def executing(how: Execution) -> Iterator[None]:
    """Inside the block recurrent cells run in the given way."""
    token = _execution.set(how)
    try:
        yield
    finally:
        _execution.reset(token)
