"""new_sampler: say in a line what it draws, and where it comes from."""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from rnnsweep.types import Share


class NewSampler(optuna.samplers.RandomSampler):
    """Draws between a random value and that of the best trial so far: put your own draw here."""

    def __init__(self, seed: int | None = None, *, share: Share = 0.5):
        super().__init__(seed)
        self.share = share

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        drawn = super().sample_independent(study, trial, param_name, param_distribution)
        done = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        if not done or not isinstance(param_distribution, FloatDistribution):
            return drawn
        return drawn + self.share * (study.best_params[param_name] - drawn)
