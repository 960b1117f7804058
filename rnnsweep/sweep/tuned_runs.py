"""The runs of a tuned sweep: the trials of each arm with the tuning seed, and its best setting with fresh seeds."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from rnnsweep.config import Config
from rnnsweep.naming import names_in
from rnnsweep.record import RunStore
from rnnsweep.run import identify
from rnnsweep.sweep import halving
from rnnsweep.sweep.compared import Declared
from rnnsweep.sweep.grid_planner import of_a_run
from rnnsweep.sweep.objective import Objective
from rnnsweep.sweep.plan import Plan, Planned, with_values
from rnnsweep.tuned_plan import ChosenTrial, Tuned

Values = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Trial:
    """One point of the tuned space, for one arm."""

    number: int
    setting: Values
    config: Config
    """Without a seed; its interpolations are texts."""
    words: list[str]

    def at(self, seed: int) -> tuple[Config, list[str]]:
        """The config and the overrides of its run with a seed."""
        return with_values(self.config, {"seed": seed}), [*self.words, f"seed={seed}"]


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm under one condition. Each is tuned for itself."""

    arm: Values
    condition: Values
    trials: list[Trial]
    rungs: list[int]
    """Steps; see `halving.rungs`."""


class TunedRuns:
    """Plans the runs of a tuned sweep and reads what came of them. An arm is known by its place `n` among the arms.

    Args:
        declared: what is compared and tuned, and the file that says so.
        arms: each arm under each condition.
        own: the arguments that name the user's own config groups.
    """

    def __init__(self, declared: Declared, arms: list[Arm], own: list[str]):
        self.declared, self.arms, self.own = declared, arms, own
        self.study = declared.study
        self.objective = Objective(declared.content.metric, declared.content.maximised)
        points = [(n, trial) for n, arm in enumerate(arms) for trial in arm.trials]
        runs = self.planned([(trial, declared.content.tuning_seed or 0) for _, trial in points])
        self._trials = {(n, trial.number): run for (n, trial), run in zip(points, runs, strict=True)}

    @property
    def tuned(self) -> Tuned:
        """What is compared and tuned, and what was chosen so far."""
        return self.declared.content

    def planned(self, points: Sequence[tuple[Trial, int]]) -> list[Planned]:
        """The runs of trials, each with a seed."""
        made = [trial.at(seed) for trial, seed in points]
        runs = [identify(config) for config, _ in made]
        names = names_in(self.study, runs)
        return [
            Planned(names[run.fingerprint], run.signature, run.written, of_a_run(words), self.own, run.fingerprint)
            for run, (_, words) in zip(runs, made, strict=True)
        ]

    def trial(self, n: int, number: int) -> Planned:
        """The run of an arm's trial with the tuning seed."""
        return self._trials[n, number]

    def store(self, n: int, number: int) -> RunStore:
        """The directory of an arm's trial."""
        return RunStore(self.study / self.trial(n, number).id)

    def value(self, n: int, trial: Trial) -> float:
        """What an arm's trial reached at its end; the worst value where it was not trained to its end."""
        return halving.final_value(self.store(n, trial.number), self.objective)

    def over(self) -> int:
        """How many trials have a record."""
        return sum(RunStore(self.study / run.id).record() is not None for run in self._trials.values())

    def is_of(self, chosen: ChosenTrial, n: int) -> bool:
        """Whether a choice was made for this arm under its condition."""
        return (chosen.arm, chosen.condition) == (self.arms[n].arm, self.arms[n].condition)

    def stage(self, title: str, runs: list[Planned]) -> Plan:
        """The plan of one stage. Its title is written into the file that says what is compared."""
        plan = Plan(self.study, runs, title=title)
        before = {name: text for name, text in self.tuned.stages.items() if name != plan.path.name}
        self.declared.update(stages=before | {plan.path.name: title})
        return plan
