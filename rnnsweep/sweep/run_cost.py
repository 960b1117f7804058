"""What a run costs as a part of a sweep: measured on a stack of runs like it."""

import dataclasses
from pathlib import Path

from rnnsweep.run import PreparedRun
from rnnsweep.sweep.probe import clock_of, copies, median_step, stack_size

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
        step = median_step(trainer, clock)
        start = clock()
        trainer.evaluate("val")
        validation = clock() - start
    epoch = first.task.steps_per_epoch
    steps, validations = first.train.total_steps(epoch), first.train.validations(epoch)
    return RunCost(size, step / size, validation / size, steps, validations)
