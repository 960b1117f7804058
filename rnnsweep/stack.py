"""M models as one: their parameters are the rows of one matrix, their forward is one program."""

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import vmap
from torch.utils import _pytree as pytree

from rnnsweep import kernels, rng
from rnnsweep.cells.base import AbstractCell
from rnnsweep.dropout import RandomMask
from rnnsweep.errors import ConfigError
from rnnsweep.types import Batch, Metrics, State

# A member's weights lie apart from the next member's; the accumulation of gradients says so once, and is right.
warnings.filterwarnings("ignore", message="grad and param do not obey the gradient layout contract")

ALIGNMENT = 16  # floats: each parameter starts on a cache line, in a stack of one as in a stack of many

Loss = Callable[[nn.Module, Batch, State], tuple[Tensor, Metrics, State]]


def _home(model: nn.Module, name: str) -> tuple[dict[str, Any], str]:
    """Where a module keeps a parameter or buffer, and its name there: what torch.func.functional_call exchanges."""
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    return (module._parameters if leaf in module._parameters else module._buffers), leaf


def _kernels(module: nn.Module) -> list[str | None]:
    """What a cell's settings leave of the kernels that its class has."""
    return [module.runs_as(how) for how in ("library", "fused")] if isinstance(module, AbstractCell) else []


class Stack:
    """M models of one shape that differ only in numbers.

    `parameters` and `gradients` are (member, parameter) matrices; every weight of every model is a view into
    them. One model runs as it is, with the library's kernels or the scan; several, and one with the fused kernel,
    run as torch.vmap over the model with its weights exchanged, so that the fused kernel's numbers are the same in
    every stack.
    Members never meet: the losses are summed only to call backward once.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        device: torch.device,
        kernel: kernels.Execution | None = None,
        mixed: bool = False,
    ):
        self.models, self.size = models, len(models)
        self._precision = functools.partial(torch.autocast, device.type, torch.bfloat16) if mixed else nullcontext
        self.kernel: kernels.Execution = kernel or ("library" if self.size == 1 else "scan")
        self.model = models[0].to(device)  # the program; its own weights are used only in a stack of one
        self._places: dict[str, tuple[int, torch.Size]] = {}
        width = 0
        for name, parameter in self.model.named_parameters():
            if not parameter.requires_grad:
                raise ConfigError("cell", f"the parameter `{name}` is not trained; register it as a buffer")
            self._places[name] = (width, parameter.shape)
            width += math.ceil(parameter.numel() / ALIGNMENT) * ALIGNMENT
        dtype = next(self.model.parameters()).dtype
        self.parameters = torch.zeros(self.size, width, device=device, dtype=dtype)
        self.gradients = torch.zeros_like(self.parameters)
        for row, model in enumerate(models):
            self.load(row, {name: p.detach() for name, p in model.named_parameters()})
        self._leaves = {name: self._leaf(name) for name in self._places}
        self._buffers = {
            name: torch.stack([dict(model.named_buffers())[name].to(device) for model in models])
            for name, _ in self.model.named_buffers()
        }
        if self.size == 1:
            for name, parameter in self.model.named_parameters():
                parameter.data, parameter.grad = self._leaves[name].data[0], self._view(self.gradients, name)[0]
        self._homes = [_home(self.model, name) for name in (*self._leaves, *self._buffers)]
        self._masks = [
            (name, module)
            for name, module in self.model.named_modules()
            if isinstance(module, RandomMask) and module.active
        ]

    def _view(self, rows: Tensor, name: str) -> Tensor:
        start, shape = self._places[name]
        return rows[:, start : start + shape.numel()].view(len(rows), *shape)

    def _leaf(self, name: str) -> Tensor:
        leaf = self._view(self.parameters, name).detach().requires_grad_()
        leaf.grad = self._view(self.gradients, name)
        return leaf

    def weights(self, row: int, rows: Float[Tensor, "member parameter"] | None = None) -> dict[str, Tensor]:
        """Copies of one member's weights by name, from `parameters` or from another matrix of that layout."""
        rows = self.parameters if rows is None else rows
        return {name: self._view(rows, name)[row].clone() for name in self._places}

    def load(self, row: int, weights: dict[str, Tensor]) -> None:
        """Sets one member's weights.

        Raises:
            ValueError: the weights' names or shapes are not those of the model.
        """
        if {name: w.shape for name, w in weights.items()} != {n: shape for n, (_, shape) in self._places.items()}:
            raise ValueError("the weights are those of another model")
        for name, weight in weights.items():
            self._view(self.parameters, name)[row].copy_(weight)

    def module(self, row: int) -> nn.Module:
        """One member as a model of its own, for reading: with its current weights, on the stack's device."""
        if self.size > 1:
            model = self.models[row].to(self.parameters.device)
            model.load_state_dict(self.weights(row), strict=False)  # buffers are what the constructor makes them
        return self.models[row]

    def describe(self) -> list[Any]:
        """What is executed at a step, as plain data: modules, shapes, and how many members to the next power of 2."""
        modules = [[type(module).__qualname__, *_kernels(module)] for module in self.model.modules()]
        shapes = [[name, *shape] for name, (_, shape) in self._places.items()]
        return [modules, shapes, str(self.parameters.dtype), 1 << (self.size - 1).bit_length()]

    @property
    def written_out(self) -> bool:
        """Whether torch runs a model operation by operation: one of several, or one whose cell has no kernel."""
        cells = (module for module in self.model.modules() if isinstance(module, AbstractCell))
        return self.size > 1 or any(cell.runs_as(self.kernel) == "scan" for cell in cells)

    @property
    def parameter_count(self) -> int:
        """Parameters of one member, without padding."""
        return sum(shape.numel() for _, shape in self._places.values())

    def set_keys(self, seeds: Sequence[int], step: int) -> None:
        """Gives every random mask of every member its own key for one training step."""
        for name, module in self._masks:
            keys = [rng.key(seed, "dropout", name, step) for seed in seeds]
            module.start(keys[0])  # what a model that runs as it is reads
            self._buffers[f"{name}.key"].copy_(torch.tensor(keys))

    def call(self, function: Loss, batch: Batch, state: State) -> tuple[Float[Tensor, "member"], Metrics, State]:
        """`function(model, batch, state)` for every member; arguments and results lead with the member axis."""
        for _, module in self._masks:
            module.drawn = 0  # a step that is called again, to be recorded, draws the same masks
        with kernels.executing(self.kernel), self._precision():
            return self._call(function, batch, state)

    def _call(self, function: Loss, batch: Batch, state: State) -> tuple[Tensor, Metrics, State]:
        if self.size == 1 and self.kernel != "fused":
            batch, state = pytree.tree_map(lambda leaf: leaf[0], (batch, state))
            result = function(self.model, batch, state)
            return pytree.tree_map(lambda leaf: leaf[None], result)  # type: ignore[no-any-return]

        def one(weights: list[Tensor], batch: Batch, state: State) -> Any:
            for (home, name), weight in zip(self._homes, weights, strict=True):
                home[name] = weight
            return function(self.model, batch, state)

        before = [home[name] for home, name in self._homes]
        try:
            return vmap(one)([*self._leaves.values(), *self._buffers.values()], batch, state)  # type: ignore[no-any-return]
        finally:
            for (home, name), weight in zip(self._homes, before, strict=True):
                home[name] = weight

    def differentiate(self, function: Loss, batch: Batch, state: State) -> tuple[Metrics, State]:
        """One call and its `backward`; the metrics and the state to carry on."""
        losses, metrics, state = self.call(function, batch, state)
        self.backward(losses)
        return metrics, tuple(leaf.detach() for leaf in state)

    def backward(self, losses: Float[Tensor, "member"]) -> None:
        """Fills `gradients` with each member's own."""
        self.gradients.zero_()
        losses.sum().backward()  # type: ignore[no-untyped-call]
