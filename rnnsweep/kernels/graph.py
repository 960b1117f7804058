"""A training step on a GPU as a CUDA graph: its kernels are recorded once, then replayed without Python.

A written-out recurrence launches kernels at each step of the sequence. A GPU finishes a small kernel long before Python
launches the next one. A graph launches them all at once (torch's notes on CUDA semantics, "CUDA Graphs").
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

WARM_UP = 3  # calls before a recording, in which libraries set themselves up and plans are chosen
KEPT = 8  # recordings at a time, each with memory of its own: the oldest goes
MOST = 64  # recordings in all; further shapes run unrecorded
TOLERANCE = 1e-3  # of the gradients' largest entry: sums by atomic additions differ from call to call

Recorded = tuple[Callable[[], None], Any]
"""What replays a recording, and the outputs that it then holds."""


def serves(device: torch.device) -> bool:
    """Whether there are CUDA graphs."""
    return device.type == "cuda"


class Graphed:
    """A function of tensors on a GPU that fills `gradients` and returns tensors, as recordings: one a shape.

    Its arguments and results are trees of tensors, and it must be the same work at each call: no number that Python
    computes anew, no synchronisation. A result is overwritten by the next call. The first replay of a recording is
    compared with the function's own result; where that is something else, or where the function cannot be recorded,
    a warning says so and it runs as it is. Other tensors that it changes, such as running statistics, are named in
    `changed`: the calls that make a recording leave them as they were.
    """

    def __init__(self, function: Callable[..., Any], gradients: Tensor, changed: Sequence[Tensor] = ()):
        self.function, self.gradients, self.changed = function, gradients, changed
        self.recordings: dict[Any, tuple[list[Tensor], Recorded]] = {}
        self.left = MOST

    def __call__(self, *arguments: Any) -> Any:
        given, structure = pytree.tree_flatten(arguments)
        shapes = str(structure), *((leaf.shape, leaf.dtype) for leaf in given)
        if shapes not in self.recordings and self.left:
            before = [tensor.clone() for tensor in self.changed]
            self._record(shapes, given, structure)
            for tensor, value in zip(self.changed, before, strict=True):
                tensor.copy_(value)
        if shapes not in self.recordings:
            return self.function(*arguments)
        inputs, (replay, outputs) = self.recordings[shapes]
        for place, leaf in zip(inputs, given, strict=True):
            place.copy_(leaf)
        replay()
        return outputs

    def _record(self, shapes: Any, given: list[Tensor], structure: pytree.TreeSpec) -> None:
        self.left -= 1
        if len(self.recordings) == KEPT:
            del self.recordings[next(iter(self.recordings))]
        inputs = [leaf.clone(memory_format=torch.contiguous_format) for leaf in given]
        own = pytree.tree_unflatten(inputs, structure)
        self.function(*own)
        expected = self.gradients.clone()
        try:
            replay, outputs = record(self.function, *own)
            replay()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._refuse(str(error).partition("\n")[0])
            return
        scale = expected.abs().nan_to_num(posinf=0).max()
        same = torch.isclose(self.gradients, expected, rtol=TOLERANCE, atol=TOLERANCE * scale.item(), equal_nan=True)
        if same.all():
            self.recordings[shapes] = inputs, (replay, outputs)
        else:
            self._refuse("the graph gave other gradients")

    def _refuse(self, why: str) -> None:
        self.left = 0
        warnings.warn(f"the training step runs without a CUDA graph, which is slower: {why}", stacklevel=2)


def record(function: Callable[..., Any], *arguments: Any) -> Recorded:
    """A recording of the function on these tensors, in whose memory a replay finds its inputs."""
    # one for all calls: gradients are added up on the stream of the first
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            function(*arguments)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        outputs = function(*arguments)
    return graph.replay, outputs
