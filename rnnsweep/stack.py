"""M models as one: their parameters are the rows of one matrix, their forward is one program."""

import functools
import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import vmap
from torch.utils import _pytree as pytree

from rnnsweep import kernels, rng
from rnnsweep.cells.base import AbstractCell
from rnnsweep.dropout import RandomMask
from rnnsweep.errors import ConfigError
from rnnsweep.kernels import fused
from rnnsweep.kernels.members import counts_from_the_end, leading
from rnnsweep.layout import Layout, Learned, buffers, kept
from rnnsweep.types import Batch, Metrics, State

# A member's weights are not contiguous with the next member's. torch warns about it once; the gradients are right.
warnings.filterwarnings("ignore", message="grad and param do not obey the gradient layout contract")

Loss = Callable[[nn.Module, Batch, State], tuple[Tensor, Metrics, State]]

Keys = dict[str, Int[Tensor, "member"]]
"""The keys of all random masks for one training step, by the name of the mask's buffer; see `dropout.RandomMask`."""


def _home(model: nn.Module, name: str) -> tuple[dict[str, Any], str]:
    """Where a module keeps a parameter or buffer, and its name there: what torch.func.functional_call exchanges."""
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    return (module._parameters if leaf in module._parameters else module._buffers), leaf


def _kernels(module: nn.Module) -> list[str | None]:
    """The kernels that a cell can run as, with its settings."""
    return [module.runs_as(how) for how in ("library", "fused")] if isinstance(module, AbstractCell) else []


def source(cls: type) -> list[str]:
    """A class's name, and digests of the files that it and what it inherits from come from."""
    modules = (sys.modules.get(ancestor.__module__) for ancestor in cls.__mro__)
    return [cls.__qualname__, *(_digest(getattr(module, "__file__", None) or "") for module in modules)]


@functools.cache
def _digest(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError:  # a class from a notebook
        return ""


def _refuse_unlike(models: Sequence[nn.Module]) -> None:
    """Raises RuntimeError where models print other settings: the first one's program is not theirs."""
    if len({tuple(module.extra_repr() for module in model.modules()) for model in models}) > 1:
        raise RuntimeError("the models of a stack have different programs")


class Stack:
    """M models of one shape that differ only in numbers.

    `parameters` and `gradients` are (member, parameter) matrices; every weight of every model is a view into
    them, and every buffer that training may change is one into the rows of `learned.buffers`. The members run
    `together`, as one program of the first model with its weights and buffers exchanged for all members', or in turn,
    each model as it is. In turn, a member's numbers are the same in every stack. Together they are, too, where
    no operation sums in an order that depends on the number of members; the compiled ones do not.
    Members never meet: the losses are summed only to call backward once.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        device: torch.device,
        kernel: kernels.Execution | None = None,
        mixed: bool = False,
    ):
        _refuse_unlike(models)
        self.models, self.size, self.device = models, len(models), device
        self._mixed = mixed
        self._precision = functools.partial(torch.autocast, device.type, torch.bfloat16) if mixed else nullcontext
        self.run_with(kernel or ("library" if self.size == 1 else "scan"))
        for model in models:
            model.to(device)
        self.model = models[0]  # the program of all
        self.layout = Layout(self.model)
        dtype = next(self.model.parameters()).dtype
        self.parameters = torch.zeros(self.size, self.layout.width, device=device, dtype=dtype)
        self.gradients = torch.zeros_like(self.parameters)
        self._buffers = {
            name: torch.stack([dict(model.named_buffers())[name].to(device) for model in models])
            for name, _ in self.model.named_buffers()
        }
        self.learned = Learned(self.parameters, {name: self._buffers[name] for name in buffers(self.model)})
        for row, model in enumerate(models):
            self.load(row, kept(model))
            for name, parameter in model.named_parameters():
                leaf = self._leaf(name, row)
                parameter.data, parameter.grad = leaf.data, leaf.grad
        self._homes = [_home(self.model, name) for name in (*self.layout.places, *self._buffers)]
        self._own = [
            [(*_home(model, name), rows[row]) for name, rows in self.learned.buffers.items()]
            for row, model in enumerate(models)
        ]
        for row in range(self.size):
            self._take(row)
        self._masks = [
            {name: m for name, m in model.named_modules() if isinstance(m, RandomMask) and m.active} for model in models
        ]

    def run_with(self, kernel: kernels.Execution, together: bool | None = None) -> None:
        """Sets the kernel of the steps that follow.

        Args:
            kernel: what runs the recurrent cells.
            together: whether the members run as one program. None: with the fused kernel, and several with the scan.
        """
        self.kernel: kernels.Execution = kernel
        self.together = together if together is not None else kernel == "fused" or (kernel == "scan" and self.size > 1)

    def _leaf(self, name: str, row: int | None = None) -> Tensor:
        """A weight of all members, or of one, whose gradient is a view of `gradients`."""
        weight, gradient = (self.layout.view(rows, name) for rows in (self.parameters, self.gradients))
        leaf = (weight if row is None else weight[row]).detach().requires_grad_()
        leaf.grad = gradient if row is None else gradient[row]
        return leaf

    @functools.cached_property
    def _leaves(self) -> dict[str, Tensor]:
        """The weights and buffers of all members, in the order of `_homes`."""
        return {name: self._leaf(name) for name in self.layout.places} | self._buffers

    def weights(self, row: int, of: Learned | None = None) -> dict[str, Tensor]:
        """Copies of one member's parameters and buffers by name, as they are now or from other weights."""
        of = of or self.learned
        return self.layout.copied(of.parameters[row]) | {name: rows[row].clone() for name, rows in of.buffers.items()}

    def load(self, row: int, weights: dict[str, Tensor]) -> None:
        """Sets one member's parameters and buffers.

        Raises:
            ValueError: their names or shapes are not those of the model.
        """
        own = {name: rows[row] for name, rows in self.learned.buffers.items()}
        self.layout.fill(self.parameters[row], {name: w for name, w in weights.items() if name not in own})
        if any(name not in weights or weights[name].shape != buffer.shape for name, buffer in own.items()):
            raise ValueError("the weights are those of another model")
        for name, buffer in own.items():
            buffer.copy_(weights[name])

    def module(self, row: int) -> nn.Module:
        """One member as a model of its own; its weights are those of the stack at any time."""
        return self.models[row]

    def train(self, training: bool = True) -> None:
        """Sets all models to training, or to evaluation."""
        for model in self.models:
            model.train(training)

    def describe(self) -> list[Any]:
        """What a member executes at a step, as plain data: modules and shapes."""
        modules = [[*source(type(module)), *_kernels(module)] for module in self.model.modules()]
        shapes = [[name, *shape] for name, (_, shape) in self.layout.places.items()]
        return [modules, shapes, str(self.parameters.dtype)]

    @property
    def written_out(self) -> bool:
        """Whether torch runs a model operation by operation: one of several, or one whose cell has no kernel."""
        cells = (module for module in self.model.modules() if isinstance(module, AbstractCell))
        return self.size > 1 or any(cell.runs_as(self.kernel) == "scan" for cell in cells)

    @property
    def parameter_count(self) -> int:
        """Parameters of one member, without padding."""
        return sum(shape.numel() for _, shape in self.layout.places.values())

    def keys(self, seeds: Sequence[int], step: int) -> Keys:
        """A key for every random mask of every member in one training step: an argument of `call`."""
        names = list(self._masks[0])
        drawn = [[rng.key(seed, "dropout", name, step) for seed in seeds] for name in names]
        keys = torch.tensor(drawn, dtype=torch.int64).to(self.device)  # all in one copy
        return {f"{name}.key": row for name, row in zip(names, keys, strict=True)}

    @contextmanager
    def holding(self, weights: Learned) -> Iterator[None]:
        """Within the block the models have other weights, such as their best ones."""
        own = self.learned.clone()
        self.learned.copy_(weights)
        try:
            yield
        finally:
            self.learned.copy_(own)

    def call(
        self, function: Loss, batch: Batch, state: State, keys: Keys | None = None
    ) -> tuple[Float[Tensor, "member"], Metrics, State]:
        """`function(model, batch, state)` for every member; arguments and results lead with the member axis.

        Args:
            function: such as a task's loss.
            batch: the members' batches.
            state: the members' states; empty at the start of a sequence.
            keys: from `keys`, for a model in training. None: the masks have the keys that they had.
        """
        if self.together:
            return self._together(function, batch, state, keys or {})
        results = [self._alone(row, function, batch, state, keys or {}) for row in range(self.size)]
        return _stacked(results)  # type: ignore[no-any-return]

    def _together(self, function: Loss, batch: Batch, state: State, keys: Keys) -> tuple[Tensor, Metrics, State]:
        def one(leaves: list[Tensor], batch: Batch, state: State) -> Any:
            for (home, name), leaf in zip(self._homes, leaves, strict=True):
                home[name] = leaf
            return self._run(0, function, batch, state), [home[name] for home, name, _ in self._own[0]]

        copies = {name: rows.clone() for name, rows in self.learned.buffers.items()}  # the graph may hold them
        leaves = list((self._leaves | copies | keys).values())
        before = [home[name] for home, name in self._homes]
        try:
            if self.leads(function):
                with leading():
                    results, after = one(leaves, batch, state)
            else:
                results, after = vmap(one)(leaves, batch, state)
        except RuntimeError as error:
            if "random operation" in str(error):
                problem = "a class of yours draws from torch's own generator, which knows no runs"
                remedy = "use nn.Dropout or rnnsweep.dropout.Dropout, or train runs alone with hydra.sweeper.stack=1"
                raise ConfigError("hydra.sweeper.stack", f"{problem}; {remedy}") from None
            raise
        finally:
            for (home, name), value in zip(self._homes, before, strict=True):
                home[name] = value
        for rows, values in zip(self.learned.buffers.values(), after, strict=True):
            rows.copy_(values.detach())
        return results  # type: ignore[no-any-return]

    def leads(self, function: Loss) -> bool:
        """Whether `function` reads the members' tensors as they are. If not, torch.vmap hides the member axis from it.

        It does where the task and all modules are of this package, and the cells run compiled.
        """
        task = getattr(function, "__self__", None)
        return self.kernel == "fused" and self._takes_members and counts_from_the_end(task)

    @functools.cached_property
    def _takes_members(self) -> bool:
        """Whether all modules take a leading member axis, the cells where they are compiled."""
        modules = list(self.model.modules())
        cells = (module for module in modules if isinstance(module, AbstractCell))
        return (
            not self._mixed
            and fused.serves(self.parameters)
            and all(map(counts_from_the_end, modules))
            and all(cell.runs_as("fused") == "fused" for cell in cells)
        )

    def _alone(self, row: int, function: Loss, batch: Batch, state: State, keys: Keys) -> tuple[Tensor, Metrics, State]:
        for name, mask in self._masks[row].items():
            if f"{name}.key" in keys:
                mask.start(keys[f"{name}.key"][row])
        batch, state = pytree.tree_map(lambda leaf: leaf[row], (batch, state))
        for home, name, buffer in self._own[row]:
            home[name] = buffer.clone()  # the graph may hold it
        try:
            return self._run(row, function, batch, state)
        finally:
            self._take(row)

    def _run(self, row: int, function: Loss, batch: Batch, state: State) -> tuple[Tensor, Metrics, State]:
        for mask in self._masks[row].values():
            mask.drawn = 0  # a step that is called again, to be recorded, draws the same masks
        with kernels.executing(self.kernel), self._precision():
            return function(self.models[row], batch, state)

    def _take(self, row: int) -> None:
        """Writes the buffers that a model now has into the stack, and makes them views into it."""
        for home, name, buffer in self._own[row]:
            buffer.copy_(home[name].detach())
            home[name] = buffer

    def differentiate(
        self, function: Loss, batch: Batch, state: State, keys: Keys | None = None
    ) -> tuple[Metrics, State]:
        """One step forward and backward, which fills `gradients`; the arguments are those of `call`.

        Returns:
            The metrics, and the state to carry on.
        """
        if self.together:
            losses, metrics, state = self.call(function, batch, state, keys)
            self.backward(losses)
            return metrics, tuple(leaf.detach() for leaf in state)
        self.gradients.zero_()
        results = []
        for row in range(self.size):  # one graph at a time, which stays in the cache
            loss, metrics, after = self._alone(row, function, batch, state, keys or {})
            loss.backward()
            results.append((metrics, tuple(leaf.detach() for leaf in after)))
        return _stacked(results)  # type: ignore[no-any-return]

    def backward(self, losses: Float[Tensor, "member"]) -> None:
        """Fills `gradients` with each member's own."""
        self.gradients.zero_()
        losses.sum().backward()


def _stacked(results: list[Any]) -> Any:
    """The members' trees of tensors as one."""
    return pytree.tree_map(lambda *leaves: torch.stack(leaves), *results)
