"""What a search makes better: a metric, in the direction that its task declares."""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Sequence

import torch

from rnnsweep import run
from rnnsweep.errors import ConfigError
from rnnsweep.record import RunRecord
from rnnsweep.run import PreparedRun
from rnnsweep.tasks.base import declared
from rnnsweep.tasks.metric import declarations, with_own
from rnnsweep.train import Member
from rnnsweep.types import HELD_OUT

OF_RUNS = ("parameters", "seconds")
"""What a record has beside the metrics of its task."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """A metric that is minimised or maximised."""

    name: str
    """As in a record: `val/loss`, `test/accuracy`, `parameters`, `seconds`."""
    maximised: bool = False

    @classmethod
    def read(cls, text: str) -> "Objective":
        """The objective of a text as the file of a search has it: with a leading `-` where it is maximised."""
        return cls(text.removeprefix("-"), text.startswith("-"))

    def __str__(self) -> str:
        return f"-{self.name}" if self.maximised else self.name

    @property
    def worst(self) -> float:
        return -math.inf if self.maximised else math.inf

    @property
    def known_on_the_way(self) -> bool:
        """Whether each validation gives a value, by which a pruner can judge."""
        return self.name.startswith("val/")

    def of(self, records: Sequence[RunRecord]) -> float:
        """The mean over the seeds, each at its best validation; the worst possible value if one diverged.

        Raises:
            ConfigError: a run lacks the metric.
        """
        if self.name in OF_RUNS:
            return statistics.fmean(float(getattr(record, self.name)) for record in records)
        if any(record.status == "diverged" for record in records):
            return self.worst
        if missing := [record for record in records if self.name not in record.best]:
            known = ", ".join([*(key for key in missing[0].best if "/" in key), *OF_RUNS])
            raise ConfigError("hydra.sweeper.metrics", f"no run has `{self.name}`; there are {known}")
        values = [record.best[self.name] for record in records]
        return statistics.fmean(self.worst if value is None else value for value in values)

    def at(self, member: Member) -> float:
        """The value of one run as it stands at a validation: its newest, or that of its best if it has ended."""
        if member.status == "diverged":
            return self.worst
        metrics = member.last if member.status == "running" else member.best
        return metrics.get(self.name, math.nan)


def objective(typed: str, first: PreparedRun) -> Objective:
    """The objective that a user named, for runs such as `first`.

    Args:
        typed: a metric such as `val/accuracy`. A leading `-`, as earlier versions asked for where a metric is
            maximised, has to agree with the task's declaration.
        first: a run whose task declares the metric.

    Raises:
        ConfigError: no run has the metric, its task declares no direction, or the other one.
    """
    name, task = typed.removeprefix("-"), type(first.task).__name__
    known = [*_measured(first), *OF_RUNS]
    if name not in known:
        raise ConfigError("hydra.sweeper.metrics", f"no run has `{typed}`; there are {', '.join(known)}")
    plain = name.split("/", 1)[-1]
    metric = declared(first.task, declarations(first.train.own_metrics)).get(plain)
    if metric is None:
        hint = f'add `Metric("{plain}", unit, "min" or "max")` to its `metrics`'
        raise ConfigError("hydra.sweeper.metrics", f"{task} does not declare which way `{plain}` is better; {hint}")
    if metric.direction is None:
        problem = f"`{plain}` is a reference value of {task}, which no run makes better or worse; name another metric"
        raise ConfigError("hydra.sweeper.metrics", problem)
    if typed.startswith("-") and metric.direction == "min":
        problem = f"`{typed}` would maximise `{name}`, but {task} declares that a lower `{plain}` is better"
        raise ConfigError("hydra.sweeper.metrics", f"{problem}; write `{name}`")
    return Objective(name, metric.direction == "max")


def _measured(first: PreparedRun) -> list[str]:
    """The metrics that the records of such runs will have, from one batch of each part that is not empty."""
    model, found = run.make_model(first.config, first.classes, first.task).eval(), []
    for split in HELD_OUT:
        for batch in itertools.islice(first.task.evaluation(split), 1):
            with torch.no_grad():
                _, metrics, _ = with_own(first.task.loss, first.train.own_metrics)(model, batch, ())
            names = first.task.derive({name: (total / count).item() for name, (total, count) in metrics.items()})
            found += [f"{split}/{name}" for name in names]
    return found


def shown(value: float) -> str:
    """A value in five significant digits, whole numbers in full."""
    return f"{value:.0f}" if value.is_integer() else f"{value:.5g}"
