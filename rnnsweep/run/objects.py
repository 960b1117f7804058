"""From checked settings to a task, a model and an optimizer: the only module that makes them."""

import functools
import json

import torch
from torch import nn

from rnnsweep import dropout, rng
from rnnsweep.cells.base import AbstractCell
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError
from rnnsweep.matching import nearest
from rnnsweep.optim import AbstractOptimizer
from rnnsweep.optim.member_by_member import MemberByMember
from rnnsweep.run.outline import without_numbers
from rnnsweep.run.validate import Classes, settings
from rnnsweep.tasks.base import AbstractTask


def make_task(config: Config, classes: Classes) -> AbstractTask:
    """The task of a run; its data are read or made on first use."""
    task = classes["task"](config["seed"], config["train"]["batch_size"], **settings(config, "task"))
    assert isinstance(task, AbstractTask)
    return task


def make_optimizer(config: Config, classes: Classes) -> AbstractOptimizer:
    """The update rule of a run.

    Raises:
        ConfigError: its settings contradict each other.
    """
    cls, given = classes["optimizer"], settings(config, "optimizer")
    if issubclass(cls, torch.optim.Optimizer):
        return MemberByMember(kind=cls, settings=given, lr=given["lr"])
    optimizer = cls(**given)
    assert isinstance(optimizer, AbstractOptimizer)
    return optimizer


def make_model(config: Config, classes: Classes, task: AbstractTask) -> nn.Module:
    """The model of a run with its initial weights, a function of the seed."""
    sizes = {} if config["cell"].get("match_params") is None else {"hidden_size": _matched(config, classes, task)}
    return _build(config, classes, task, sizes)


def _build(config: Config, classes: Classes, task: AbstractTask, sizes: dict[str, int]) -> nn.Module:
    cell = functools.partial(classes["cell"], **settings(config, "cell") | sizes)
    pooling = functools.partial(classes["pooling"], **settings(config, "pooling"))
    with rng.seeded(config["seed"], "init"):
        return dropout.adopted(task.build(cell, pooling))


_sizes: dict[str, int] = {}  # by what decides the shape


def _matched(config: Config, classes: Classes, task: AbstractTask) -> int:
    """The hidden size that `cell.match_params` asks for.

    Raises:
        ConfigError: the smallest model has more parameters.
    """
    key = json.dumps({group: config[group] for group in ("task", "cell", "pooling")})  # without the data: see `saved`
    if key not in _sizes:
        cell: type[AbstractCell] = classes["cell"]
        step = config["cell"].get(cell.divisor, 1)
        _build(config, classes, task, {"hidden_size": step})  # so that the task reads its data outside of `meta`

        def parameters(steps: int) -> int:
            with without_numbers():
                model = _build(config, classes, task, {"hidden_size": step * steps})
            return sum(parameter.numel() for parameter in model.parameters())

        wanted, least = config["cell"]["match_params"], parameters(1)
        if wanted < least:
            problem = f"the smallest model, of hidden size {step}, has {least:,} parameters; ask for {least} or more"
            raise ConfigError("cell.match_params", problem)
        _sizes[key] = step * nearest(wanted, parameters)
    return _sizes[key]
