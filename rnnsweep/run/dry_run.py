"""A dry run of the user's classes on a batch: what is wrong with them is told before the training."""

import dataclasses
import json
import numbers
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rnnsweep.cells.base import AbstractCell
from rnnsweep.config import GROUPS, Config
from rnnsweep.errors import ConfigError, listed
from rnnsweep.layout import Layout
from rnnsweep.optim import dry_run
from rnnsweep.own import in_a_line, ships, telling
from rnnsweep.pooling import AbstractPooling, mask
from rnnsweep.run.objects import make_optimizer
from rnnsweep.tasks.metric import with_own
from rnnsweep.types import BOOKKEEPING, Batch, Metrics, State

if TYPE_CHECKING:
    from rnnsweep.run.identity import PreparedRun


ASKED = 1000
"""The steps, about so many, at which a schedule is asked for its factor."""

DRAWN = "alone, in a stack and after a resume it gives other numbers; use nn.Dropout or rnnsweep.dropout.Dropout"


def theirs(config: Config) -> list[str]:
    """The groups whose classes are the user's."""
    return [group for group in GROUPS if not ships(config[group]["_target_"])]


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
    _read_schedule(run)
    measured = _evaluate(run, model.eval()) if groups or run.train.own_metrics else set()
    if not groups:
        return []
    dry_run.laid_out(make_optimizer(run.config, run.classes), Layout(model))
    return [*(_notes_on_the_task(run, model.eval(), measured) if "task" in groups else ()), *_notes(run, model)]


def _read_schedule(run: "PreparedRun") -> None:
    """Asks a schedule of the user's for the rates of the run, of a long one for some of them."""
    if run.train.own is not None:
        train, per_epoch = dataclasses.replace(run.train), run.task.steps_per_epoch  # an object that trains no run
        first, steps = run.parent.step if run.parent else 0, run.train.total_steps(per_epoch)
        every = max(1, (steps - first) // ASKED)
        for step in {*range(first, steps, every), *range(first, steps)[-1:]}:  # none where too few steps are asked for
            train.multiplier(step, steps, per_epoch)


def _notes_on_the_task(run: "PreparedRun", model: nn.Module, measured: set[str]) -> Iterator[str]:
    name, judge = run.config["task"]["_target_"], run.task.metric.name
    if judge not in measured:
        yield f"`{name}` is judged by `{judge}`, and its rows hold only {listed(sorted(measured))}"
    try:
        shown = run.task.summary(model)
    except Exception as error:  # it may do so only where nothing has been learned
        yield f"`{name}.summary` failed with the untrained model: {in_a_line(error)}"
        return
    with telling("task", f"{name}.summary"):
        json.dumps(shown.data)


def _notes(run: "PreparedRun", model: nn.Module) -> Iterator[str]:
    with torch.random.fork_rng(devices=[]):
        before = torch.random.get_rng_state()
        unreached = _train(run, model.train())
        drawn = not torch.equal(before, torch.random.get_rng_state())
    if drawn:
        yield f"a class of yours draws from torch's own generator, as nn.functional.dropout does: {DRAWN}"
    for broken in {_broken_law(cell.eval()) for cell in model.modules() if isinstance(cell, AbstractCell)} - {""}:
        yield f"{run.config['cell']['_target_']} {broken}"
    if _reads_padding(run, model):
        name = run.config["pooling"]["_target_"]
        yield f"{name} reads padded steps: leave out what is beyond `lengths`, as with `mask`"
    if hidden := list(_hidden(model)):
        remedy = "use nn.ModuleList, nn.ParameterList or nn.Parameter"
        yield f"{listed(hidden, form=str)}: its weights are neither trained nor saved; {remedy}"
    if unreached and theirs(run.config) != ["optimizer"]:
        yield f"{listed(unreached, form=str)}: no gradient gets there, so nothing trains it"


@torch.no_grad()
def _evaluate(run: "PreparedRun", model: nn.Module) -> set[str]:
    """The names of the metrics of a validation batch.

    Raises:
        ConfigError: something is not of the kind that the training needs.
    """
    task, name = run.task, run.config["task"]["_target_"]
    if not isinstance(steps := task.steps_per_epoch, numbers.Integral) or steps < 1:
        raise ConfigError("task", f"`{name}.steps_per_epoch` is {steps!r}; expected a whole number, 1 or more")
    batch = next(iter(task.evaluation("val")), None)
    if batch is None:
        raise ConfigError("task", f"`{name}.evaluation` gives no batch of `val`, by which the best weights are chosen")
    _, metrics, _ = _loss(run, model, batch, ())
    derived = task.derive({name: (total / count).item() for name, (total, count) in metrics.items()})
    if not isinstance(derived, dict) or not all(isinstance(value, int | float) for value in derived.values()):
        raise ConfigError("task", f"`{name}.derive` returned {derived!r}; expected a number for each name")
    if taken := sorted(derived.keys() & {"step", "split", *BOOKKEEPING}):
        raise ConfigError("task", f"each row of metrics.jsonl has a `{taken[0]}`; give your metric another name")
    return set(derived)


def _loss(run: "PreparedRun", model: nn.Module, batch: Batch, state: State) -> tuple[Tensor, Metrics, State]:
    """The loss of a batch, with the user's metrics.

    Raises:
        ConfigError: the task returned something else.
    """
    match found := with_own(run.task.loss, run.train.own_metrics)(model, batch, state):
        case (Tensor(ndim=0), {"loss": _} as metrics, tuple()) if all(map(_is_sum_and_count, metrics.values())):
            return found
    problem = "expected a loss, a tensor (); the metrics as {name: (sum, count)}, tensors (), with `loss`; and a state"
    raise ConfigError("task", f"`{run.config['task']['_target_']}.loss` returned something else; {problem}")


def _is_sum_and_count(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(x, Tensor) and x.ndim == 0 for x in value)


def _train(run: "PreparedRun", model: nn.Module) -> list[str]:
    """Two steps forward and backward; the parameters that no gradient reaches."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    state, gradients = State(), tuple[Tensor | None, ...]()
    for step in range(2):
        loss, _, state = _loss(run, model, run.task.batch(step), () if run.task.begins(step) else state)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        state = tuple(leaf.detach() for leaf in state)
    return [name for name, gradient in zip(names, gradients, strict=True) if gradient is None]


def _hidden(model: nn.Module) -> Iterator[str]:
    """The attributes of the user's modules that hold weights which torch does not find."""
    known = {id(parameter) for parameter in model.parameters()}
    for name, module in model.named_modules():
        for key, value in vars(module).items() if not ships(type(module).__module__) else ():
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
    if ships(type(cell).__module__):
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


@torch.no_grad()
def _reads_padding(run: "PreparedRun", model: nn.Module) -> bool:
    """Whether a pooling of the user's gives something else where padded steps hold something else."""
    all_poolings = (module for module in model.modules() if isinstance(module, AbstractPooling))
    poolings = [pooling for pooling in all_poolings if not ships(type(pooling).__module__)]
    calls: list[tuple[AbstractPooling, Tensor, Tensor]] = []
    with ExitStack() as hooks:
        for pooling in poolings:
            hooks.enter_context(pooling.register_forward_pre_hook(lambda own, given: calls.append((own, *given))))
        if poolings:
            run.task.loss(model.eval(), run.task.batch(0), ())
    for pooling, h, lengths in tuple(calls):
        fewer = (lengths + 1) // 2
        other = torch.where(mask(fewer, h.shape[-2])[..., None], h, h + 1)
        if not _near(pooling(h, fewer), pooling(other, fewer)):
            return True
    return False


def _near(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-3, atol=1e-4)
