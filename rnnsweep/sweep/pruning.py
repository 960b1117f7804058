"""Tells a search's pruner how a trial stands at each validation, and asks it whether to go on."""

import statistics
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnsweep.run import PreparedRun
from rnnsweep.sweep.objective import Objective
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.train import Member

if TYPE_CHECKING:
    import optuna


def tokens_read(task: AbstractTask, step: int) -> int:
    """What a run has read after `step` training steps."""
    return step * task.batch_size * int(task.batch(0)["inputs"].shape[1])


def validations(first: PreparedRun) -> tuple[int, int]:
    """The tokens that a run has read at its first validation and at its last."""
    epoch = first.task.steps_per_epoch
    steps = first.train.total_steps(epoch)
    return tokens_read(first.task, min(steps, first.train.steps_between(epoch))), tokens_read(first.task, steps)


class Pruning:
    """Reports the objective of a trial, as the mean over its seeds, and asks the pruner.

    So the pruner compares what the search makes better, in its direction.

    Args:
        trial: an Optuna trial that runs.
        runs: its runs, one a seed.
        plan: where their records are.
        objective: one that each validation gives a value.
    """

    def __init__(self, trial: "optuna.Trial", runs: Sequence[Planned], plan: Plan, objective: Objective):
        self.trial, self.runs, self.plan, self.objective = trial, runs, plan, objective
        (frozen,) = (each for each in trial.study.get_trials(deepcopy=False) if each.number == trial.number)
        self.reported = set(frozen.intermediate_values)  # by a worker that died, if any

    def __call__(self, members: Sequence[Member], step: int) -> bool:
        """Whether the trial is to be pruned after the validation at this step."""
        standing = {member.run: self.objective.at(member) for member in members}
        values = [standing[run.id] if run.id in standing else self._left(run, step) for run in self.runs]
        known = [value for value in values if value is not None]
        tokens = tokens_read(members[0].task, step)
        # seeds that were cut off at different steps are trained apart, and are not judged
        if len(known) < len(values) or tokens in self.reported:
            return False
        with warnings.catch_warnings():  # of NumPy, about medians of numbers that are not finite
            warnings.simplefilter("ignore")
            self.trial.report(statistics.fmean(known), tokens)
            return bool(self.trial.should_prune())

    def _left(self, run: Planned, step: int) -> float | None:
        """The value of a run that ended by this step and has left the stack; None where it has not."""
        record = self.plan.store(run).record()
        if record is None or record.steps > step or record.status not in ("complete", "diverged"):
            return None
        return self.objective.of([record])
