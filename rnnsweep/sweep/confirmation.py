"""The best settings with fresh seeds: at each planned look, until each comparison with the leader is decided."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence

from rnnsweep.planned import Planned
from rnnsweep.record import RunStore
from rnnsweep.sweep.contest import Contest
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.tuned_runs import Trial, TunedRuns
from rnnsweep.sweep.view import Progress
from rnnsweep.tuned_plan import Tuned, of_the_test

Train = Callable[[Plan], Progress]
"""Works on a plan until it is over or the work stops."""


class Confirmation:
    """Compares the best settings of all arms on seeds that no trial has seen.

    Args:
        runs: the runs of the sweep.
        best: of each arm the best trial; an arm that has none is not compared.
    """

    def __init__(self, runs: TunedRuns, best: Mapping[int, Trial]):
        self.runs, self.best = runs, best
        self.contests = self._contests()

    def confirmed(self, train: Train) -> bool:
        """Trains one look after another. Returns whether all runs are over and none failed."""
        tuned = self.runs.tuned
        for number, count in enumerate(tuned.looks or [len(tuned.seeds)]):
            entrants = sorted(n for contest in self.contests for n in contest.entrants)
            if not entrants:
                break
            planned = self.runs.planned([(self.best[n], seed) for n in entrants for seed in tuned.fresh(count)])
            progress = train(self.runs.stage(title(tuned, number, count), planned))
            if progress.left or progress.failures():
                return False
            if tuned.looks:
                tests = {n: self._tests(planned[i * count : (i + 1) * count]) for i, n in enumerate(entrants)}
                for contest in self.contests:
                    contest.look(number, tests)
                self._tell_look(number)
        return True

    def _contests(self) -> list[Contest]:
        """One for each condition."""
        conditions: dict[str, list[int]] = {}
        for n, arm in enumerate(self.runs.arms):
            conditions.setdefault(json.dumps(arm.condition), []).append(n)
        values = {n: self.runs.value(n, trial) for n, trial in self.best.items()}
        groups = [{n: values[n] for n in arms if n in self.best} for arms in conditions.values()]
        return [Contest(group, self.runs.tuned) for group in groups if group]

    def _tests(self, planned: Sequence[Planned]) -> list[float]:
        """The test values of runs that are over; NaN where one diverged."""
        name = of_the_test(self.runs.objective.name)
        records = [RunStore(self.runs.study / run.id).record() for run in planned]
        found = [record.best.get(name) if record else None for record in records]
        return [math.nan if value is None else float(value) for value in found]

    def _tell_look(self, number: int) -> None:
        """Writes the verdicts down, and says how many comparisons are decided."""
        chosen = list(self.runs.tuned.chosen)
        for contest in self.contests:
            for n, seeds in contest.seeds.items():
                place = next(i for i, each in enumerate(chosen) if self.runs.is_of(each, n))
                chosen[place] = dataclasses.replace(chosen[place], verdict=contest.standing(n), seeds=seeds)
        self.runs.declared.update(chosen=chosen)
        verdicts = [verdict for contest in self.contests for verdict in contest.verdicts.values()]
        still = verdicts.count("open")
        print(f"look {number + 1}: {len(verdicts) - still} of {len(verdicts)} comparisons are decided", flush=True)


def title(tuned: Tuned, number: int, count: int) -> str:
    """The title of a look.

    Args:
        tuned: the looks that are planned.
        number: of the look, from 0.
        count: fresh seeds of each arm.
    """
    looked = f", look {number + 1} of {len(tuned.looks)}" if tuned.looks else ""
    return f"fresh seeds{looked} ({count} of each arm)"
