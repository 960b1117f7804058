"""Any optimizer of the kind of torch.optim, on a stack: each member has its own steps, one after the other."""

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from rnnsweep.errors import ConfigError
from rnnsweep.layout import Layout
from rnnsweep.optim.base import AbstractOptimizer, Hyperparameters, Rows, Slots

State = dict[str, dict[str, Any]]
"""What an optimizer keeps, by the names of the parameters: `{"cell.weight": {"step": 3.0, "exp_avg": ...}}`."""

TRIED = 3  # steps of a dry run


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemberByMember(AbstractOptimizer):
    """A subclass of torch.optim.Optimizer. A rule that is written for stacks makes the steps of all members at once.

    The optimizer must keep its state in `self.state[parameter]`, with the same entries from the first step on.
    """

    kind: type[torch.optim.Optimizer]
    """The class."""
    settings: dict[str, Any]
    """What its constructor gets, the learning rate included."""
    layout: Layout | None = None
    """The parameters of the model; None before it is known."""
    state: State = dataclasses.field(default_factory=dict)
    """What it keeps after a step: names, types and shapes."""

    @property
    def rule(self) -> type:
        return self.kind

    def laid_out(self, layout: Layout) -> "MemberByMember":
        """The optimizer of models with these parameters; one step on zeros shows what it keeps.

        Raises:
            ConfigError: it cannot make a step, or keeps more than is in `self.state[parameter]`.
        """
        known = dataclasses.replace(self, layout=layout)
        row = torch.zeros(1, layout.width)
        try:
            state = known._stepped(row, torch.zeros_like(row), {}, float(self.settings["lr"]))
        except ConfigError:
            raise
        except Exception as error:  # whatever a user's class raises
            raise _refused(self.kind, f"cannot make a step: {error}") from error
        known = dataclasses.replace(known, state=state)
        known._refuse_forgetful()
        return known

    def _refuse_forgetful(self) -> None:
        """Refuses an optimizer whose steps differ where it is made anew at each, with its state, as in a resume."""
        assert self.layout is not None
        start, lr = torch.linspace(-1, 1, self.layout.width)[None], float(self.settings["lr"])
        one, anew, state = start.clone(), start.clone(), dict[str, dict[str, Any]]()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for step in range(TRIED):
                state = self._stepped(anew, torch.cos(start + step), state, lr)
            torch.manual_seed(0)
            optimizer, parameters = self._made(one, lr)
            for step in range(TRIED):
                self._step(optimizer, parameters, one, torch.cos(start + step))
        if not torch.allclose(one, anew, equal_nan=True):
            problem = "keeps numbers elsewhere than in self.state[parameter], and only those are in a checkpoint"
            raise _refused(self.kind, problem)

    def init(self, parameters: Rows) -> Slots:
        kept = ((f"{name}/{key}", value) for name, key, value in _entries(self.state))
        return {
            name: _as_slot(value, parameters).expand(len(parameters), *_shape(value)).clone() for name, value in kept
        }

    def update(
        self, parameters: Rows, gradients: Rows, slots: Slots, hyperparameters: Hyperparameters, step: int
    ) -> None:
        for row, lr in enumerate(hyperparameters.lr.flatten().tolist()):
            before = self._loaded(slots, row) if step > 1 else {}
            after = self._stepped(parameters[row : row + 1], gradients[row : row + 1], before, lr)
            for name, key, value in _entries(after):
                if f"{name}/{key}" not in slots:
                    raise _refused(self.kind, f"keeps `{key}` only after some steps; make it at the first one")
                slots[f"{name}/{key}"][row] = value

    def _loaded(self, slots: Slots, row: int) -> State:
        found: State = {name: dict(kept) for name, kept in self.state.items()}
        for name, key, value in _entries(self.state):
            slot = slots[f"{name}/{key}"][row]
            found[name][key] = slot if isinstance(value, Tensor) else type(value)(slot.item())
        return found

    def _stepped(self, row: Rows, gradient: Rows, state: State, lr: float) -> State:
        """Makes a step of one member in place; returns what the optimizer keeps."""
        optimizer, parameters = self._made(row, lr)
        for name in parameters.keys() & state.keys():
            optimizer.state[parameters[name]] = state[name]
        self._step(optimizer, parameters, row, gradient)
        return {name: dict(optimizer.state[parameter]) for name, parameter in parameters.items()}

    def _made(self, row: Rows, lr: float) -> tuple[torch.optim.Optimizer, dict[str, nn.Parameter]]:
        """A new optimizer of one member, and its parameters."""
        assert self.layout is not None
        parameters = {name: nn.Parameter(self.layout.view(row, name)[0]) for name in self.layout.places}
        return self.kind(list(parameters.values()), **self.settings | {"lr": lr}), parameters

    def _step(
        self, optimizer: torch.optim.Optimizer, parameters: dict[str, nn.Parameter], row: Rows, gradient: Rows
    ) -> None:
        """Lets the optimizer make a step, in place."""
        assert self.layout is not None
        for name, parameter in parameters.items():
            parameter.grad = self.layout.view(gradient, name)[0]
        before = _groups(optimizer)
        optimizer.step()
        if _groups(optimizer) != before:
            raise _refused(self.kind, "changes its param_groups, which no checkpoint holds; use self.state[parameter]")
        for name, parameter in parameters.items():
            own = self.layout.view(row, name)[0]
            if parameter.data_ptr() != own.data_ptr():  # it has put another tensor in place of parameter.data
                own.copy_(parameter.detach())


def _entries(state: State) -> list[tuple[str, str, Any]]:
    """All that is kept, but for what is None."""
    return [(name, key, v) for name, kept in state.items() for key, v in kept.items() if v is not None]


def _as_slot(value: Any, parameters: Rows) -> Tensor:
    if isinstance(value, Tensor):
        return torch.zeros_like(value, device=parameters.device)
    return torch.zeros((), dtype=torch.float64, device=parameters.device)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def _groups(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    return [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]


def _refused(kind: type, problem: str) -> ConfigError:
    return ConfigError("optimizer._target_", f"{kind.__name__} {problem}")
