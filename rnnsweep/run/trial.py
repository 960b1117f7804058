"""A trial of the user's classes on a batch: what is wrong with them is told before the training."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rnnsweep.cells.base import AbstractCell
from rnnsweep.config import GROUPS, Config
from rnnsweep.errors import listed
from rnnsweep.layout import Layout
from rnnsweep.optim import trial
from rnnsweep.run.objects import make_optimizer
from rnnsweep.tasks.metric import with_own
from rnnsweep.types import State

if TYPE_CHECKING:
    from rnnsweep.run.identity import PreparedRun


DRAWN = "alone, in a stack and after a resume it then gives other numbers; use rnnsweep.dropout.Dropout"


def theirs(config: Config) -> list[str]:
    """The groups whose classes are the user's."""
    return [group for group in GROUPS if not config[group]["_target_"].startswith("rnnsweep.")]


def tried(run: "PreparedRun", model: nn.Module) -> list[str]:
    """Makes training steps without an optimizer, evaluates a batch, and lets the optimizer make steps of its own.

    Args:
        run: what is to be trained; its data have been read.
        model: its model; its buffers are changed.

    Returns:
        What a user should know of a class of theirs that works and does not do what it seems to do.

    Raises:
        ConfigError: a class fails.
    """
    groups = theirs(run.config)
    if groups or run.train.own_metrics:
        _evaluate(run, model.eval())
    if not groups:
        return []
    trial.laid_out(make_optimizer(run.config, run.classes), Layout(model))
    return list(_notes(run, model))


def _notes(run: "PreparedRun", model: nn.Module) -> Iterator[str]:
    with torch.random.fork_rng(devices=[]):
        before = torch.random.get_rng_state()
        unreached = _train(run, model.train())
        drawn = not torch.equal(before, torch.random.get_rng_state())
    if drawn:
        yield f"a class of yours draws from torch's own generator, as nn.Dropout does: {DRAWN}"
    for broken in {_broken_law(cell.eval()) for cell in model.modules() if isinstance(cell, AbstractCell)} - {""}:
        yield f"{run.config['cell']['_target_']} {broken}"
    if hidden := list(_hidden(model)):
        remedy = "use nn.ModuleList, nn.ParameterList or nn.Parameter"
        yield f"{listed(hidden, form=str)}: its weights are neither trained nor saved; {remedy}"
    if unreached and theirs(run.config) != ["optimizer"]:
        yield f"{listed(unreached, form=str)}: no gradient gets there, so nothing trains it"


def _is_theirs(module: nn.Module) -> bool:
    return not type(module).__module__.startswith(("rnnsweep.", "torch."))


@torch.no_grad()
def _evaluate(run: "PreparedRun", model: nn.Module) -> None:
    for batch in itertools.islice(run.task.evaluation("val"), 1):
        with_own(run.task.loss, run.train.own_metrics)(model, batch, ())


def _train(run: "PreparedRun", model: nn.Module) -> list[str]:
    """Two steps forward and backward; the parameters that no gradient reaches."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    state, gradients = State(), tuple[Tensor | None, ...]()
    for step in range(2):
        loss, _, state = run.task.loss(model, run.task.batch(step), () if run.task.begins(step) else state)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        state = tuple(leaf.detach() for leaf in state)
    return [name for name, gradient in zip(names, gradients, strict=True) if gradient is None]


def _hidden(model: nn.Module) -> Iterator[str]:
    """The attributes of the user's modules that hold weights which torch does not find."""
    known = {id(parameter) for parameter in model.parameters()}
    for name, module in model.named_modules():
        for key, value in vars(module).items() if _is_theirs(module) else ():
            if not key.startswith("_") and any(id(weight) not in known for weight in _weights(value)):
                yield f"{name}.{key}".lstrip(".")


def _weights(value: object) -> list[Tensor]:
    if isinstance(value, list | tuple | dict):
        return [weight for each in (value.values() if isinstance(value, dict) else value) for weight in _weights(each)]
    if isinstance(value, nn.Module):
        return list(value.parameters())
    return [value] if isinstance(value, Tensor) and value.requires_grad and value.is_leaf else []


@torch.no_grad()
def _broken_law(cell: AbstractCell) -> str:
    """What is said of a cell of the user's that reads a sequence otherwise than its pieces; empty where none is."""
    if not _is_theirs(cell):
        return ""
    x = torch.sin(torch.arange(12 * cell.input_size, dtype=torch.float32)).view(2, 6, -1)
    try:
        whole, again = cell(x, ())[0], cell(x, ())[0]
        first, state = cell(x[:, :3], ())
        second, _ = cell(x[:, 3:], state)
        same = [_near(whole, again), _near(whole[:, :3], first), _near(whole[:, 3:], second)]
    except Exception:  # it may read sequences of a certain length alone
        return ""
    if same[:2] == [True, False]:
        return "sees later inputs: its output at a step changes with them; a cell may read those up to its step alone"
    if same == [True, True, False]:
        return "reads a sequence otherwise than its two halves: what later steps need belongs into its state"
    return ""


def _near(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-3, atol=1e-4)
