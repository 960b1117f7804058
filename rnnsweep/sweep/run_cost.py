"""What a run costs as a part of a sweep: measured on a stack of runs like it."""

import dataclasses
import itertools
from pathlib import Path

from rnnsweep.kernels import threads
from rnnsweep.run import PreparedRun
from rnnsweep.sweep.probe import Clock, clock_of, copies, median_step, stack_size
from rnnsweep.train import Trainer
from rnnsweep.train.evaluation import evaluate
from rnnsweep.types import Batch

ENOUGH = 1.0
"""Seconds of a validation that are measured."""

AT_THE_END = 2
"""Evaluations after the last step: the test, and a slice of the training part of a similar size."""


@dataclasses.dataclass(frozen=True)
class RunCost:
    """Seconds of one run, its share of a stack."""

    size: int
    """Runs in the stack."""
    step: float
    validation: float
    steps: int
    validations: int
    """Of a whole run, with those that only draw its curve."""

    @property
    def whole(self) -> float:
        """Seconds of a whole run."""
        return self.part(self.steps) + self.end

    @property
    def end(self) -> float:
        """Seconds of what follows the last step."""
        return AT_THE_END * self.validation

    def part(self, steps: int) -> float:
        """Seconds of so many steps and of the validations between them."""
        return steps * self.step + steps / self.steps * self.validations * self.validation


def measured(first: PreparedRun, available: int, stack: int | str, folder: Path) -> RunCost:
    """Measures the cost of one shape of runs.

    Args:
        first: a run of the shape.
        available: how many runs of the shape a worker has.
        stack: as in the settings: how many it trains as one program, or `auto`.
        folder: where a study saves its choice of a kernel.
    """
    size = stack_size(first, available, folder) if stack == "auto" else min(int(stack), available)
    clock = clock_of(first)
    with copies(first, size) as trainer:
        step, validation = median_step(trainer, clock), validation_seconds(trainer, clock)
    epoch = first.task.steps_per_epoch
    steps, validations = first.train.total_steps(epoch), first.train.validations(epoch)
    return RunCost(size, step / size, validation / size, steps, validations)


def validation_seconds(trainer: Trainer, clock: Clock) -> float:
    """Seconds of a whole validation. Of a long one some batches are measured; the others take as long by their size."""
    task, members = trainer.task, len(trainer.tasks)
    total = sum(map(_size, task.evaluation("val")))
    count = 1
    while True:
        start = clock()
        some = list(itertools.islice(task.evaluation("val"), count))
        with threads.sharing(trainer.pace.threads):
            evaluate(trainer.stack, trainer.tasks, [some] * members, trainer.config.own_metrics)
        seconds, measured = clock() - start, sum(map(_size, some))
        if measured == total or seconds > ENOUGH:
            return seconds * total / measured if measured else 0.0
        count *= 4


def _size(batch: Batch) -> int:
    """All numbers of a batch."""
    return sum(tensor.numel() for tensor in batch.values())
