"""new_pruner: say in a line which trials it cuts short, and where it comes from."""

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from rnnsweep.types import NonNegative


class NewPruner(optuna.pruners.BasePruner):
    """Prunes a trial that lies far behind the best at the same step: put your own rule here."""

    def __init__(self, *, by: NonNegative = 0.1):
        self.by = by

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether to prune it; asked after each validation. The steps of a trial are what it has read, in tokens."""
        step = trial.last_step
        assert step is not None
        sign = 1 if study.direction == StudyDirection.MINIMIZE else -1
        values = [each.intermediate_values.get(step) for each in study.get_trials(deepcopy=False)]
        best = min(sign * value for value in values if value is not None)
        return sign * trial.intermediate_values[step] > best + self.by
