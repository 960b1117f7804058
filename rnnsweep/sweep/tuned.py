"""A tuned sweep: each compared arm is tuned for itself, then the best settings meet on fresh seeds.

    for each rung      the trials of all arms are trained up to it; the best third of each arm goes on
    to the end         what is left is trained to its end; the best trial is the setting of its arm
    for each look      the best settings are trained with fresh seeds, until each comparison with the leader is decided

A stage is an ordinary plan, made when the one before is over. What is decided after a stage is a function of the
records and rows in the study's directory. So the same command, after any kill and with any number of workers, comes to
the same end.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from rnnsweep.config import Config
from rnnsweep.naming import names_in
from rnnsweep.planned import Chosen, Tuned, of_the_test
from rnnsweep.record import RunStore
from rnnsweep.run import Run, identify, prune
from rnnsweep.sweep import halving
from rnnsweep.sweep.compared import Declared
from rnnsweep.sweep.fresh import Contest
from rnnsweep.sweep.grid_planner import of_a_run
from rnnsweep.sweep.objective import Objective
from rnnsweep.sweep.plan import Plan, Planned, with_values
from rnnsweep.sweep.tuned_table import named
from rnnsweep.sweep.view import Progress

Train = Callable[[Plan], Progress]
"""Works on a plan until it is over, or as far as it comes."""

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
    """One arm under one condition: what is tuned for itself."""

    arm: Values
    condition: Values
    trials: list[Trial]
    rungs: list[int]
    """Steps; see `halving.rungs`."""


class TunedSweep:
    """The stages of a tuned sweep.

    Args:
        declared: what is compared and tuned, and how; the file in which it stands.
        arms: each arm under each condition.
        own: the arguments that name the user's own config groups.
        notes: what a user should know of the trials before they begin.
    """

    def __init__(self, declared: Declared, arms: list[Arm], own: list[str], notes: Sequence[str] = ()):
        self.declared, self.arms, self.own, self.notes = declared, arms, own, notes
        self.study = declared.study
        self.objective = Objective(declared.content.metric, declared.content.maximised)
        places = [(n, trial) for n, arm in enumerate(arms) for trial in arm.trials]
        runs = self._planned([(trial, declared.content.tuning_seed or 0) for _, trial in places])
        self._runs = {(n, trial.number): run for (n, trial), run in zip(places, runs, strict=True)}

    @property
    def tuned(self) -> Tuned:
        return self.declared.content

    def swept(self, train: Train) -> bool:
        """Goes through the stages; whether all came to their end and no run failed.

        A stage of which runs are left, as after on_error=stop, is the last one: the same command goes on there.
        """
        self.declared.begin()
        for note in self.notes:
            print(note, flush=True)
        well, alive = True, {n: list(range(len(arm.trials))) for n, arm in enumerate(self.arms)}
        for rung in range(self.rungs + 1):
            progress = train(self._tuning_stage(alive, rung))
            if progress.left:
                return False
            well = well and not progress.failures()
            if rung < self.rungs:
                alive = self._halved(alive, rung)
        best = self._choose(alive)
        return bool(best) and self._confirmed(best, train) and well

    # Tuning --------------------------------------------------------------------------------------------------

    @property
    def rungs(self) -> int:
        """How often trials are pruned."""
        return max(len(arm.rungs) for arm in self.arms)

    def _tuning_stage(self, alive: dict[int, list[int]], rung: int) -> Plan:
        """The trials that are alive, trained up to the rung, or to their end after the last one."""
        runs = [
            dataclasses.replace(self._run(n, trial), until=_at(self.arms[n].rungs, rung))
            for n, trials in alive.items()
            for trial in trials
        ]
        return self._stage(f"tuning, {self.rung_title(rung)}", runs)

    def rung_title(self, rung: int) -> str:
        if not self.rungs:
            return "all trials to their end"
        steps = {_at(arm.rungs, rung) for arm in self.arms}
        where = "to their end" if steps == {None} else f"to step {steps.pop():,}" if len(steps) == 1 else "by its share"
        return f"rung {rung + 1} of {self.rungs + 1} ({where})"

    def _halved(self, alive: dict[int, list[int]], rung: int) -> dict[int, list[int]]:
        """The trials of each arm that go on; the others get the record `pruned`."""
        kept = {}
        for n, trials in alive.items():
            step = _at(self.arms[n].rungs, rung)
            if step is None:
                kept[n] = trials
                continue
            values = [halving.value_at(self._store(n, trial), step, self.objective) for trial in trials]
            kept[n] = [trials[place] for place in halving.kept(values, self.objective.maximised)]
            out = [trial for trial in trials if trial not in kept[n]]
            prune([(identify(self._run(n, trial).config), self._store(n, trial)) for trial in out])
        before, after = (sum(map(len, each.values())) for each in (alive, kept))
        print(f"{after} of {before} trials go on, the best third of each arm", flush=True)
        return kept

    def _choose(self, alive: dict[int, list[int]]) -> dict[int, Trial]:
        """The best trial of each arm, written down; an arm of which none was trained to its end has none."""
        best = {}
        for n, arm in enumerate(self.arms):
            trials = [arm.trials[trial] for trial in alive[n]]
            values = [self._value(n, trial) for trial in trials]
            if order := halving.ranked(values, self.objective.maximised):
                best[n] = trials[order[0]]
            else:
                print(f"{named(arm.condition | arm.arm)}: no trial came to its end; it is not compared", flush=True)
        self.declared.update(chosen=[self._chosen(n, trial) for n, trial in best.items()])
        return best

    def _chosen(self, n: int, best: Trial) -> Chosen:
        arm, run = self.arms[n], self._run(n, best.number).id
        records = [self._store(n, trial).record() for trial in range(len(arm.trials))]
        count = [record.status for record in records if record is not None].count
        return Chosen(
            arm=arm.arm,
            condition=arm.condition,
            setting=best.setting,
            trial=run,
            value=self._value(n, best),
            configurations=len(arm.trials),
            finished=count("complete"),
            pruned=count("pruned"),
            diverged=count("diverged"),
            **self._known(n, run),
        )

    def _known(self, n: int, run: str) -> dict[str, Any]:
        """What an earlier command found of this setting; it stands until it is found again."""
        before = [each for each in self.tuned.chosen if self._is_of(each, n) and each.trial == run]
        return {"verdict": before[0].verdict, "seeds": before[0].seeds} if before else {}

    # Fresh seeds ---------------------------------------------------------------------------------------------

    def _confirmed(self, best: dict[int, Trial], train: Train) -> bool:
        """Runs the best settings with fresh seeds, look by look; whether no run failed."""
        contests = self._contests(best)
        for number, count in enumerate(self.tuned.looks or [len(self.tuned.seeds)]):
            entrants = sorted(n for contest in contests for n in contest.entrants)
            if not entrants:
                break
            runs = self._planned([(best[n], seed) for n in entrants for seed in self.tuned.fresh(count)])
            progress = train(self._stage(self.look_title(number, count), runs))
            if progress.left or progress.failures():
                return False
            if self.tuned.looks:
                tests = {n: self._tests(runs[i * count : (i + 1) * count]) for i, n in enumerate(entrants)}
                for contest in contests:
                    contest.look(number, tests)
                self._tell_look(number, contests)
        return True

    def _contests(self, best: dict[int, Trial]) -> list[Contest]:
        """One for each condition."""
        conditions: dict[str, list[int]] = {}
        for n, arm in enumerate(self.arms):
            conditions.setdefault(json.dumps(arm.condition), []).append(n)
        values = {n: self._value(n, trial) for n, trial in best.items()}
        groups = [{n: values[n] for n in arms if n in best} for arms in conditions.values()]
        return [Contest(group, self.tuned) for group in groups if group]

    def look_title(self, number: int, count: int) -> str:
        looked = f", look {number + 1} of {len(self.tuned.looks)}" if self.tuned.looks else ""
        return f"fresh seeds{looked} ({count} of each arm)"

    def _tests(self, runs: Sequence[Planned]) -> list[float]:
        """The test values of runs that are over; not a number where one diverged."""
        name = of_the_test(self.objective.name)
        records = [RunStore(self.study / run.id).record() for run in runs]
        found = [record.best.get(name) if record else None for record in records]
        return [math.nan if value is None else float(value) for value in found]

    def _tell_look(self, number: int, contests: Sequence[Contest]) -> None:
        """Writes the verdicts down, and says how many comparisons are decided."""
        chosen = list(self.tuned.chosen)
        for contest in contests:
            for n, seeds in contest.seeds.items():
                place = next(i for i, each in enumerate(chosen) if self._is_of(each, n))
                chosen[place] = dataclasses.replace(chosen[place], verdict=contest.standing(n), seeds=seeds)
        self.declared.update(chosen=chosen)
        verdicts = [verdict for contest in contests for verdict in contest.verdicts.values()]
        still = verdicts.count("open")
        print(f"look {number + 1}: {len(verdicts) - still} of {len(verdicts)} comparisons are decided", flush=True)

    def _is_of(self, chosen: Chosen, n: int) -> bool:
        return (chosen.arm, chosen.condition) == (self.arms[n].arm, self.arms[n].condition)

    # Runs ----------------------------------------------------------------------------------------------------

    def over(self) -> int:
        """Trials that have a record."""
        return sum(RunStore(self.study / run.id).record() is not None for run in self._runs.values())

    def first_of(self, n: int) -> Run:
        """The first trial of an arm."""
        return identify(self._run(n, 0).config)

    def _stage(self, title: str, runs: list[Planned]) -> Plan:
        plan = Plan(self.study, runs, title=title)
        before = {name: text for name, text in self.tuned.stages.items() if name != plan.path.name}
        self.declared.update(stages=before | {plan.path.name: title})
        return plan

    def _planned(self, points: Sequence[tuple[Trial, int]]) -> list[Planned]:
        """The runs of trials with seeds."""
        made = [trial.at(seed) for trial, seed in points]
        runs = [identify(config) for config, _ in made]
        names = names_in(self.study, runs)
        return [
            Planned(names[run.fingerprint], run.signature, run.written, of_a_run(words), self.own, run.fingerprint)
            for run, (_, words) in zip(runs, made, strict=True)
        ]

    def _run(self, n: int, trial: int) -> Planned:
        """The run of an arm's trial."""
        return self._runs[n, trial]

    def _store(self, n: int, trial: int) -> RunStore:
        return RunStore(self.study / self._run(n, trial).id)

    def _value(self, n: int, trial: Trial) -> float:
        return halving.final_value(self._store(n, trial.number), self.objective)


def _at(rungs: Sequence[int], rung: int) -> int | None:
    """The step of a rung; None beyond the last one: to the end."""
    return rungs[rung] if rung < len(rungs) else None
