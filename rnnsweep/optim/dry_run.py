"""A dry run of an optimizer of the user's: what it would do without a word is refused."""

import copy
import itertools
from collections.abc import Iterable

import torch
from torch import Tensor

from rnnsweep.errors import ConfigError
from rnnsweep.layout import Layout
from rnnsweep.optim.base import AbstractOptimizer, Hyperparameters, Rows
from rnnsweep.own import ships, telling

STEPS, MEMBERS = 8, 2


def laid_out(optimizer: AbstractOptimizer, layout: Layout) -> AbstractOptimizer:
    """The optimizer of models with these parameters. A rule of the user's is tried on numbers that mean nothing.

    Args:
        optimizer: of one member.
        layout: where each parameter lies in a row.

    Raises:
        ConfigError: the rule fails, moves no weight, or keeps what no checkpoint holds.
    """
    name = f"{optimizer.rule.__module__}.{optimizer.rule.__qualname__}"
    if ships(name):
        return optimizer.laid_out(layout)
    with telling("optimizer", name):
        optimizer = optimizer.laid_out(layout)
        start = _numbers(layout.width, 0)
        moved = _trained(itertools.repeat(copy.deepcopy(optimizer)), start, name)
        resumed = _trained(map(copy.deepcopy, itertools.repeat(optimizer)), start, name)
    if torch.equal(moved, start):
        problem = f"`{name}` moved no weight in {STEPS} steps: it has to change them in place, as `sub_` does"
        raise ConfigError("optimizer", problem)
    if not torch.allclose(moved, resumed, equal_nan=True):
        problem = f"`{name}` keeps numbers in itself from step to step, which no checkpoint holds; keep them in `slots`"
        raise ConfigError("optimizer", problem)
    return optimizer


def _trained(optimizers: Iterable[AbstractOptimizer], start: Rows, name: str) -> Rows:
    """The weights after all steps, each of which is made by the next of the optimizers."""
    rows, slots = start.clone(), dict[str, Tensor]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for step, optimizer in zip(range(1, STEPS + 1), optimizers, strict=False):
            if step == 1:
                slots = optimizer.init(rows)
                _refuse_unfit(slots, name)
            settings = Hyperparameters.of([optimizer] * MEMBERS, rows.device)
            optimizer.update(rows, _numbers(rows.shape[1], step), slots, settings, step)
            slots = {key: slot.clone() for key, slot in slots.items()}  # as from a checkpoint
    return rows


def _refuse_unfit(slots: object, name: str) -> None:
    tensors = list(slots.values()) if isinstance(slots, dict) else [None]
    if not all(isinstance(slot, Tensor) and slot.dim() > 0 and len(slot) == MEMBERS for slot in tensors):
        problem = "returned no dict of tensors with a row for each member, as `torch.zeros_like(parameters)` has"
        raise ConfigError("optimizer", f"`{name}.init` {problem}")


def _numbers(width: int, step: int) -> Rows:
    """Numbers in place of weights, or of the gradients of a step."""
    return torch.sin(torch.arange(MEMBERS * width, dtype=torch.float32) + step).view(MEMBERS, width)
