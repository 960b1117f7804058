"""From the settings and words of a command to a tuned sweep: its arms, conditions, trials, seeds and looks."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnsweep import looks
from rnnsweep.config import General, marked, schema
from rnnsweep.errors import ConfigError
from rnnsweep.planned import Tuned, of_the_test
from rnnsweep.run import Run, identify
from rnnsweep.sweep import compared, halving
from rnnsweep.sweep.compared import Declared
from rnnsweep.sweep.composer import Composer
from rnnsweep.sweep.grid import Axis, Setting, points
from rnnsweep.sweep.objective import Objective, objective
from rnnsweep.sweep.plan import configs
from rnnsweep.sweep.precheck import precheck
from rnnsweep.sweep.settings import KEY, Sweep, of_each_run
from rnnsweep.sweep.skip import Skip
from rnnsweep.sweep.tuned import Arm, Trial, TunedSweep
from rnnsweep.sweep.tuned_table import named
from rnnsweep.types import EXECUTION

TUNING_SEED = 10_000
"""The seed of all trials: far from the seeds that people count from zero, for a fresh seed must not be one of them."""

FRESH = "seed=range(3)"
"""The fresh seeds where none are typed."""

TRIES = 1000
"""So many draws for each wanted point until a space counts as smaller than it looks."""


class TunedPlanner:
    """Describes the tuned sweep that a sweep's settings and the words of the command line ask for."""

    def __init__(self, sweep: Sweep, composer: Composer, study: Path):
        self.sweep, self.composer, self.study = sweep, composer, study
        self.grammar = composer.grammar

    def prepared(self, words: Sequence[str]) -> TunedSweep:
        """The tuned sweep, one run of each shape checked.

        Raises:
            ConfigError: a setting is wrong.
        """
        self._check_no_grid()
        typed = self._typed(words)
        seeds = self._seeds(typed.pop("seed", FRESH))
        axes = {key: self.grammar.axis(text) for key, text in typed.items()}
        self._check_swept(axes)
        conditions = [key for key, axis in axes.items() if len(axis) > 1 and key not in self.sweep.compared]
        arms, runs = self._arms(axes, conditions)
        precheck(runs, self.study, self.composer.is_here)
        chosen_by, looked = self._objective(runs), self._looks(seeds)
        first = arms[0]
        content = Tuned(
            compare=self.sweep.compared,
            tune=self._tuned_texts(),
            conditions=conditions,
            trials=len(first.trials),
            tuning_seed=TUNING_SEED,
            rungs=first.rungs,
            metric=chosen_by.name,
            maximised=chosen_by.maximised,
            seeds=seeds,
            looks=looked,
            levels=list(looks.ALPHAS[: len(looked)]),
            margin=self.sweep.margin,
        )
        declared = Declared(self.study, self._fixed(typed, axes, runs[0]), content)
        declared.check()
        return TunedSweep(declared, arms, self.composer.own_groups(), self._notes(first))

    def _notes(self, first: Arm) -> list[str]:
        """What a user should know of the trials."""
        count, notes = len(first.trials), list[str]()
        if count < self.sweep.tune_trials:
            notes.append(f"what is tuned has {count} points; each arm tries all of them, once")
        if not first.rungs and self.sweep.pruner != "none":
            notes.append("no trial is pruned: a run has one validation alone; a smaller train.eval_every makes rungs")
        return notes

    def _check_no_grid(self) -> None:
        for name in self.sweep.of_grids:
            if name != "skip":
                problem = "belongs to a grid; a tuned sweep takes its arms from params and the command line alone"
                raise ConfigError(f"{KEY}.{name}", problem)
        if self.composer.config.get("rerun"):
            raise ConfigError("rerun", "a tuned sweep is not trained anew; give it another hydra.sweeper.name")

    # The words -----------------------------------------------------------------------------------------------

    def _typed(self, words: Sequence[str]) -> dict[str, str]:
        """Key -> the text that counts."""
        texts = [*self.grammar.texts(self.sweep.sized(self.composer.is_small)), *words]
        typed = {self.grammar.override(text).key_or_group: text for text in texts}
        for key in self.sweep.tune:
            if key in typed:
                problem = f"it is tuned; leave this out, or leave `{key}` out of {KEY}.tune"
                raise ConfigError(key, problem, (f"{KEY}.tune",))
        return typed

    def _check_swept(self, axes: dict[str, Axis]) -> None:
        for key in self.sweep.compared:
            if len(axes.get(key, [])) < 2:
                raise compared.one_value(key, list(axes))

    def _seeds(self, text: str) -> list[int]:
        """The fresh seeds of the first look."""
        found = [setting.value for (setting,) in self.grammar.axis(text)]
        for seed in found:
            if not isinstance(seed, int) or isinstance(seed, bool):
                raise ConfigError("seed", f"expected integers, got {seed!r}")
        if TUNING_SEED in found:
            raise ConfigError("seed", f"{TUNING_SEED} is the seed of the tuning trials; fresh seeds must be others")
        if len(set(found)) < len(found):
            raise ConfigError("seed", "names a seed twice")
        return found

    def _looks(self, seeds: list[int]) -> list[int]:
        if self.sweep.seeds_max is None:
            return []
        try:
            found = looks.planned(self.sweep.seeds_max)
        except ValueError as error:
            raise ConfigError(f"{KEY}.seeds_max", str(error)) from None
        if len(seeds) != found[0]:
            problem = f"the first planned look is at {found[0]} seeds, not at {len(seeds)}"
            raise ConfigError("seed", f"{problem}; use {found[0]}, as in '{FRESH}', or leave out {KEY}.seeds_max")
        return list(found)

    def _fixed(self, typed: dict[str, str], axes: dict[str, Axis], first: Run) -> list[str]:
        """What all runs have in common, as it was typed, without what changes no result."""
        free = {f"{group}.{name}" for group, cls in first.classes.items() for name in marked(cls, EXECUTION)}
        free |= {"study", *schema(General).model_fields}
        return [typed[key] for key, axis in axes.items() if len(axis) == 1 and key not in free]

    # The trials ----------------------------------------------------------------------------------------------

    def _tuned_texts(self) -> dict[str, str]:
        texts = self.grammar.texts(self.sweep.tune)
        return {key: text.partition("=")[2] for key, text in zip(self.sweep.tune, texts, strict=True)}

    def _points(self) -> list[tuple[Setting, ...]]:
        """The points of the tuned space, the same for all arms.

        All of a finite grid where it has no more than the trials; else distinct random points. More trials keep the
        points of fewer.

        Raises:
            ConfigError: there is only one.
        """
        texts, count = self.grammar.texts(self.sweep.tune), self.sweep.tune_trials
        overrides = list(map(self.grammar.override, texts))
        if all(not override.is_sweep_override() or override.is_discrete_sweep() for override in overrides):
            axes = [self._whole_axis(text) for text in texts]
            if math.prod(map(len, axes)) <= count:
                found = [tuple(itertools.chain(*each)) for each in itertools.product(*axes)]
                if len(found) == 1:
                    raise ConfigError(f"{KEY}.tune", "holds one point; give some setting several values or a range")
                return found
        distinct: dict[tuple[str, ...], tuple[Setting, ...]] = {}
        for size in (count * factor for factor in (1, 4, 16, 64, TRIES)):
            for point in self.grammar.drawn(texts, size):
                distinct.setdefault(tuple(setting.text for setting in point), tuple(point))
            if len(distinct) >= count:
                break
        return list(distinct.values())[:count]

    def _whole_axis(self, text: str) -> Axis:
        """All values of one tuned setting."""
        override = self.grammar.override(text)
        if not override.is_sweep_override():
            return self.grammar.axis(text)
        key = override.get_key_element()
        return [axis for value in self.grammar.alternatives(override) for axis in self.grammar.axis(f"{key}={value}")]

    def _arms(self, axes: dict[str, Axis], conditions: list[str]) -> tuple[list[Arm], list[Run]]:
        """Each arm under each condition with its trials, and their runs with the tuning seed."""
        tuned, skip = self._points(), Skip(self.sweep.conditions)
        arms, runs = list[Arm](), dict[str, Run]()
        order = [*(key for key in axes if key not in self.sweep.compared), *self.sweep.compared]
        for settings in points([[axes[key] for key in order]]):
            found = configs(self.composer.run, (settings | {each.key: each for each in point} for point in tuned))
            trials = [
                Trial(number, _values(point), config | of_each_run(self.study), words)
                for number, (point, (config, words)) in enumerate(zip(tuned, found, strict=True))
            ]
            arm = {key: self._value(settings[key]) for key in self.sweep.compared}
            condition = {key: self._value(settings[key]) for key in conditions}
            made = [self._identified(trial, arm) for trial in trials]
            left_out = [skip(run.config) for run in made]
            if all(left_out):
                continue
            if any(left_out):
                problem = f"leaves out {sum(left_out)} of the {len(made)} trials of {named(arm)}"
                raise ConfigError(f"{KEY}.skip", f"{problem}: each arm must have the same number of trials")
            for run in made:
                if run.fingerprint in runs:
                    problem = f"two trials are the same run, {run.id}: what is compared or tuned changes no result"
                    raise ConfigError(f"{KEY}.compare", problem, (f"{KEY}.tune",))
                runs[run.fingerprint] = run
            arms.append(Arm(arm, condition, trials, self._rungs(made[0])))
        if not arms:
            raise ConfigError(f"{KEY}.skip", "leaves no run")
        return arms, list(runs.values())

    def _value(self, setting: Setting) -> Any:
        """What a person calls the value: of a group the name of the choice."""
        return self.grammar.override(setting.text).value() if setting.group else setting.value

    def _identified(self, trial: Trial, arm: dict[str, Any]) -> Run:
        try:
            return identify(trial.at(TUNING_SEED)[0])
        except ConfigError as error:
            if error.keys[0] not in self.sweep.tune:
                raise
            problem = f"{error.problem} A tuned setting must exist in every arm; {named(arm)} lacks it or refuses it"
            raise ConfigError(error.keys[0], problem, (f"{KEY}.tune",)) from None

    def _rungs(self, run: Run) -> list[int]:
        if self.sweep.pruner == "none":
            return []
        epoch = run.task.steps_per_epoch if run.train.epochs or not run.train.eval_every else 1
        return halving.rungs(run.train.total_steps(epoch), run.train.steps_between(epoch))

    def _objective(self, runs: Sequence[Run]) -> Objective:
        """What trials are chosen by.

        Raises:
            ConfigError: it is no metric of the validation part, or the test part does not have it.
        """
        tasks = {repr(run.config["task"]): run for run in runs}
        (typed,) = self.sweep.objectives
        if not typed.removeprefix("-").startswith("val/"):
            problem = f"trials are chosen by the validation part, and `{typed}` is none of it; use `val/loss`"
            raise ConfigError(f"{KEY}.metrics", problem)
        found = {objective(typed, run) for run in tasks.values()}
        if len(found) > 1:
            raise ConfigError(f"{KEY}.metrics", f"the tasks declare different directions for `{typed}`")
        for run in tasks.values():
            objective(of_the_test(typed), run)  # the arms are compared by it
        return found.pop()


def _values(point: Sequence[Setting]) -> dict[str, Any]:
    return {setting.key: setting.text.partition("=")[2] if setting.group else setting.value for setting in point}
