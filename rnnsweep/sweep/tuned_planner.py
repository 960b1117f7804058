"""From the settings and words of a command to a tuned sweep: its arms, conditions, trials, seeds and looks."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rnnsweep import looks
from rnnsweep.config import General, marked, schema
from rnnsweep.errors import ConfigError, listed, tell_each
from rnnsweep.run import PreparedRun
from rnnsweep.sweep import compared, tuned_space
from rnnsweep.sweep.comparable import tell_different
from rnnsweep.sweep.compared import Declared
from rnnsweep.sweep.composer import Composer
from rnnsweep.sweep.grid import Axis
from rnnsweep.sweep.objective import Objective, objective
from rnnsweep.sweep.precheck import precheck
from rnnsweep.sweep.settings import KEY, Sweep
from rnnsweep.sweep.tuned import TunedSweep
from rnnsweep.sweep.tuned_arms import TUNING_SEED, TunedArms
from rnnsweep.sweep.tuned_runs import Arm
from rnnsweep.tasks import base
from rnnsweep.tasks.metric import declarations
from rnnsweep.tuned_plan import Tuned, of_the_test, too_wide
from rnnsweep.types import EXECUTION

FRESH = "seed=range(3)"
"""How three fresh seeds are typed. Where none are typed, they are the first three that no comparison before has run."""


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
        seeds = self._typed_seeds(typed.pop("seed", None))
        axes = {key: self.grammar.axis(text) for key, text in typed.items()}
        self._check_swept(axes)
        conditions = [key for key, axis in axes.items() if len(axis) > 1 and key not in self.sweep.compared]
        arms, runs = TunedArms(self.sweep, self.composer, self.study).made(axes, conditions)
        idle = precheck(runs, self.study, self.composer.launcher.is_here)
        chosen_by, first = self._objective(runs), arms[0]
        tell_different(self.sweep.tune, (trial.at(TUNING_SEED)[0] for trial in first.trials))
        content = Tuned(
            compare=self.sweep.compared,
            tune=tuned_space.texts(self.grammar, self.sweep.tune),
            conditions=conditions,
            trials=len(first.trials),
            tuning_seed=TUNING_SEED,
            rungs=first.rungs,
            metric=chosen_by.name,
            maximised=chosen_by.maximised,
            seeds=[],
            looks=[],
            levels=[],
            margin=self.sweep.margin,
        )
        declared = Declared(self.study, self._fixed(typed, axes, runs[0]), content)
        self._check_no_fewer(declared)
        self._add_seeds(declared, seeds)
        declared.check()
        tell_each(idle)
        return TunedSweep(declared, arms, self.composer.own_groups(), self._notes(first, declared))

    def _notes(self, first: Arm, declared: Declared) -> list[str]:
        """What a user should know of the trials and of the fresh seeds."""
        count, notes = len(first.trials), list[str]()
        if seen := declared.seen():
            named = f"{listed(declared.content.seeds)}: those of an earlier comparison of this study"
            notes.append(f"the fresh seeds are {named}, {listed(sorted(seen))}, are no longer fresh")
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

    @staticmethod
    def _check_no_fewer(declared: Declared) -> None:
        """Checks that no choice is taken back that was made among more trials."""
        before, trials = declared.before(), declared.content.trials
        if before and before.chosen and before.trials > trials:
            problem = f"{declared.study} has chosen among {before.trials} trials of each arm, and not among {trials}"
            raise ConfigError(f"{KEY}.tune_trials", f"{problem}; use {before.trials} or more, or another {KEY}.name")

    def _add_seeds(self, declared: Declared, typed: list[int] | None) -> None:
        """The fresh seeds of the first look, and the looks. No earlier range was chosen by one of these seeds.

        Raises:
            ConfigError: the results of a typed seed were known when this range was chosen.
        """
        before, seen = declared.before(), declared.seen()
        unseen = max(seen, default=-1) + 1
        seeds = typed or (before.seeds if before else list(range(unseen, unseen + 3)))
        looked = self._looks(seeds)
        levels = list(looks.ALPHAS[: len(looked)])
        declared.content = dataclasses.replace(declared.content, seeds=seeds, looks=looked, levels=levels)
        again = sorted(seen & {*declared.content.every_seed})
        if again and not (before and before.seeds == seeds):
            problem = f"an earlier comparison used the seeds {listed(again)}; its results may have led to this range"
            remedy = f"use seeds from {unseen} on: leave `seed` out, or use another hydra.sweeper.name"
            raise ConfigError("seed", f"{problem}; {remedy}")

    def _typed_seeds(self, text: str | None) -> list[int] | None:
        """The fresh seeds that are typed."""
        if text is None:
            return None
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

    def _fixed(self, typed: dict[str, str], axes: dict[str, Axis], first: PreparedRun) -> list[str]:
        """What all runs have in common, as it was typed, without what changes no result."""
        free = {f"{group}.{name}" for group, cls in first.classes.items() for name in marked(cls, EXECUTION)}
        free |= {"study", *schema(General).model_fields}
        return [typed[key] for key, axis in axes.items() if len(axis) == 1 and key not in free]

    def _objective(self, runs: Sequence[PreparedRun]) -> Objective:
        """What trials are chosen by.

        Raises:
            ConfigError: it is no metric of the validation part, or the test part does not have it.
        """
        tasks = {repr(run.config["task"]): run for run in runs}
        (typed,) = self.sweep.objectives
        if not typed.removeprefix("-").startswith("val/"):
            problem = f"trials are chosen by a validation metric, and `{typed}` is not one; use `val/loss`"
            raise ConfigError(f"{KEY}.metrics", problem)
        found = {objective(typed, run) for run in tasks.values()}
        if len(found) > 1:
            raise ConfigError(f"{KEY}.metrics", f"the tasks declare different directions for `{typed}`")
        for run in tasks.values():
            objective(of_the_test(typed), run)  # the arms are compared by it
            plain = typed.removeprefix("-").removeprefix("val/")
            unit = base.declared(run.task, declarations(run.train.own_metrics))[plain].unit
            if problem := too_wide(self.sweep.margin or 0, f"`{plain}`", unit):
                raise ConfigError(f"{KEY}.margin", problem)
        return found.pop()
