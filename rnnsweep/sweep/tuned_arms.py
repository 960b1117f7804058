"""The arms of a tuned sweep with their trials, checked: each arm has the same number, and no two are the same run."""

from pathlib import Path
from typing import Any

from rnnsweep.errors import ConfigError
from rnnsweep.run import PreparedRun, identify
from rnnsweep.sweep import halving, tuned_space
from rnnsweep.sweep.composer import Composer
from rnnsweep.sweep.grid import Axis, PointOverride, points
from rnnsweep.sweep.plan import configs
from rnnsweep.sweep.settings import KEY, Sweep, of_each_run
from rnnsweep.sweep.skip import Skip
from rnnsweep.sweep.tuned_runs import Arm, Trial
from rnnsweep.sweep.tuned_table import named

TUNING_SEED = 10_000
"""The seed of all trials. It is far from 0, 1, 2, because no fresh seed may be the same."""


class TunedArms:
    """Makes each arm under each condition, with the trials that are to be trained.

    Args:
        sweep: the settings of the sweep.
        composer: composes the configs of the runs.
        study: the study's directory.
    """

    def __init__(self, sweep: Sweep, composer: Composer, study: Path):
        self.sweep, self.composer, self.study = sweep, composer, study
        self.points = tuned_space.points(composer.grammar, sweep.tune, sweep.tune_trials)
        self.skip = Skip(sweep.conditions)

    def made(self, axes: dict[str, Axis], conditions: list[str]) -> tuple[list[Arm], list[PreparedRun]]:
        """Makes the arms.

        Args:
            axes: what is swept, by key.
            conditions: the keys that are swept and not compared.

        Returns:
            The arms, and the runs of their trials.

        Raises:
            ConfigError: no arm is left, `skip` leaves out some trials of an arm only, or two trials are the same run.
        """
        arms, runs = list[Arm](), list[PreparedRun]()
        order = [*(key for key in axes if key not in self.sweep.compared), *self.sweep.compared]
        for settings in points([[axes[key] for key in order]]):
            arm = {key: self._value(settings[key]) for key in self.sweep.compared}
            trials = self._trials(settings)
            made = [self._identified(trial, arm) for trial in trials]
            if not self._is_skipped(made, arm):
                condition = {key: self._value(settings[key]) for key in conditions}
                arms.append(Arm(arm, condition, trials, self._rungs(made[0])))
                runs += made
        if not arms:
            raise ConfigError(f"{KEY}.skip", "leaves no run")
        self.skip.tell_idle()
        _check_different(runs)
        return arms, runs

    def _trials(self, settings: dict[str, PointOverride]) -> list[Trial]:
        """An arm's trials: its settings with each point of what is tuned."""
        every = (settings | {each.key: each for each in point} for point in self.points)
        found = configs(self.composer.run, every)
        return [
            Trial(number, tuned_space.values(point), config | of_each_run(self.study), words)
            for number, (point, (config, words)) in enumerate(zip(self.points, found, strict=True))
        ]

    def _is_skipped(self, runs: list[PreparedRun], arm: dict[str, Any]) -> bool:
        """Whether `skip` leaves an arm out."""
        left_out = [self.skip(run.config) for run in runs]
        if any(left_out) and not all(left_out):
            problem = f"leaves out {sum(left_out)} of the {len(runs)} trials of {named(arm)}"
            raise ConfigError(f"{KEY}.skip", f"{problem}: each arm must have the same number of trials")
        return all(left_out)

    def _value(self, setting: PointOverride) -> Any:
        """The value as a person names it; for a group the name of its choice."""
        return self.composer.grammar.override(setting.text).value() if setting.group else setting.value

    def _identified(self, trial: Trial, arm: dict[str, Any]) -> PreparedRun:
        """The run of a trial."""
        try:
            return identify(trial.at(TUNING_SEED)[0])
        except ConfigError as error:
            if error.keys[0] not in self.sweep.tune:
                raise
            problem = f"{error.problem} A tuned setting must exist in every arm; {named(arm)} lacks it or refuses it"
            raise ConfigError(error.keys[0], problem, (f"{KEY}.tune",)) from None

    def _rungs(self, run: PreparedRun) -> list[int]:
        """The steps at which trials like this run are pruned."""
        if self.sweep.pruner == "none":
            return []
        epoch = run.task.steps_per_epoch if run.train.epochs or not run.train.eval_every else 1
        return halving.rungs(run.train.total_steps(epoch), run.train.steps_between(epoch))


def _check_different(runs: list[PreparedRun]) -> None:
    known = set[str]()
    for run in runs:
        if run.fingerprint in known:
            problem = f"two trials are the same run, {run.id}: a compared or tuned setting changes no result"
            raise ConfigError(f"{KEY}.compare", problem, (f"{KEY}.tune",))
        known.add(run.fingerprint)
