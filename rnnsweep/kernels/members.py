"""Work on all members of a stack at once, from inside the program of one member.

torch.autograd.Function with a `vmap` method is torch's public way to do so; it walks each call's arguments many times
in Python, which cost a tenth of a small stack's step. These are the functions that it consists of.
"""

from collections.abc import Callable

from torch import Tensor
from torch._C import _functorch
from torch._functorch.pyfunctorch import retrieve_current_functorch_interpreter

Result = tuple[Tensor, ...]


def in_stack(*tensors: Tensor | None) -> bool:
    """Whether any of them is seen by torch.vmap as one of many."""
    return any(_functorch.is_batchedtensor(tensor) for tensor in tensors if tensor is not None)


def over_members(function: Callable[..., Result], *tensors: Tensor | None) -> Result:
    """`function` on the tensors with a leading member axis: that of the stack under torch.vmap, else one of length 1.

    The function differentiates itself (it is made of torch's operations, or of an autograd.Function), and what it
    does to a member must not depend on how many there are.
    """
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
