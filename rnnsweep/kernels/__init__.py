"""How the sequence of a recurrent cell is executed: the same weights and mathematics, two programs.

`library`: the fused kernel that comes with torch (nn.GRU's own), for one model.
`scan`: the cell's written-out step, looped over time; under torch.vmap each product serves all members.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Execution = Literal["library", "scan"]

_execution: ContextVar[Execution] = ContextVar("execution", default="library")


def execution() -> Execution:
    """How recurrent cells run in this context: by the library's kernel where there is one, or by the scan."""
    return _execution.get()


@contextmanager
def executing(how: Execution) -> Iterator[None]:
    """Inside the block recurrent cells run in the given way."""
    token = _execution.set(how)
    try:
        yield
    finally:
        _execution.reset(token)
