"""Two ways to run the program of one member for all members of a stack.

With the member axis leading: the models and losses of this package count their axes from the end. So they read a
stack's tensors, (member, batch, ...), as well as one member's, (batch, ...), and torch does each operation once for
all. A user's own module or task runs under torch.vmap, which hides the axis, at the price of some Python and dispatch
for each operation (a tenth of a small stack's step, a quarter of a single small model's).

From either, `over_members` calls a function that works on all members at once. (Under torch.vmap, torch's public way is
an autograd.Function with a `vmap` method. It walks each call's arguments many times in Python, which cost a tenth of a
small stack's step. These are the functions that it consists of.)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn
from torch._C import _functorch
from torch._functorch.pyfunctorch import retrieve_current_functorch_interpreter

Result = tuple[Tensor, ...]

_leads: ContextVar[bool] = ContextVar("member axis leads", default=False)


def counts_from_the_end(thing: Any) -> bool:
    """Whether a module or a task takes a leading member axis: all that ship do; tests/test_members.py holds them to it.

    A class of somebody else does not, even if it inherits from one that ships.
    """
    cls = type(thing)
    return cls.__module__.startswith("rnnsweep.") or cls in (nn.Identity, nn.ModuleList, nn.ParameterList)


@contextmanager
def leading() -> Iterator[None]:
    """A block in which tensors lead with the member axis."""
    token = _leads.set(True)
    try:
        yield
    finally:
        _leads.reset(token)


def total(each: Tensor) -> Tensor:
    """The sum over all axes of a member."""
    return each.sum(tuple(range(1, each.dim()))) if _leads.get() else each.sum()


def mean(each: Tensor) -> Tensor:
    """The mean over all axes of a member."""
    return each.mean(tuple(range(1, each.dim()))) if _leads.get() else each.mean()


def in_stack(*tensors: Tensor | None) -> bool:
    """Whether they belong to many members: the member axis leads, or torch.vmap hides it."""
    return _leads.get() or any(_functorch.is_batchedtensor(tensor) for tensor in tensors if tensor is not None)


def over_members(function: Callable[..., Result], *tensors: Tensor | None) -> Result:
    """`function` on the tensors with a leading member axis: that of the stack, else one of length 1.

    The function differentiates itself (it is made of torch's operations, or of an autograd.Function), and what it
    does to a member must not depend on how many there are.
    """
    if _leads.get():
        return function(*tensors)
    if not in_stack(*tensors):
        alone = function(*(tensor if tensor is None else tensor[None] for tensor in tensors))
        return tuple(tensor[0] for tensor in alone)
    interpreter = retrieve_current_functorch_interpreter()
    level, size = interpreter.level(), interpreter.batch_size()  # type: ignore[attr-defined]
    with interpreter.lower():
        together = function(*(tensor if tensor is None else _lifted(tensor, level, size) for tensor in tensors))
    return tuple(_functorch._add_batch_dim(tensor, 0, level) for tensor in together)


def _lifted(tensor: Tensor, level: int, size: int) -> Tensor:
    """The tensor with the member axis that vmap hides, first; one that all members share is repeated."""
    if not _functorch.is_batchedtensor(tensor) or _functorch.maybe_get_level(tensor) != level:
        return tensor.expand(size, *tensor.shape)
    return _functorch.get_unwrapped(tensor).movedim(_functorch.maybe_get_bdim(tensor), 0)
