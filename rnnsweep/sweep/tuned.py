"""A tuned sweep: each compared arm is tuned separately, then the best settings are compared on fresh seeds.

    for each rung      the trials of all arms are trained up to it; the best third of each arm goes on
    to the end         what is left is trained to its end; the best trial is the setting of its arm
    for each look      the best settings are trained with fresh seeds, until each comparison with the leader is decided

A stage is an ordinary plan, made when the one before is over. What is decided after a stage is a function of the
records and rows in the study's directory. So the same command, after any kill and with any number of workers, comes to
the same end.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnsweep.run import identify, prune
from rnnsweep.sweep import halving
from rnnsweep.sweep.compared import Declared
from rnnsweep.sweep.confirmation import Confirmation, Train
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.tuned_runs import Arm, Trial, TunedRuns
from rnnsweep.sweep.tuned_table import named
from rnnsweep.tuned_plan import ChosenTrial, Tuned


class TunedSweep:
    """The stages of a tuned sweep.

    Args:
        declared: what is compared and tuned, and how; the file in which it stands.
        arms: each arm under each condition.
        own: the arguments that name the user's own config groups.
        notes: what a user should know of the trials before they begin.
    """

    def __init__(self, declared: Declared, arms: list[Arm], own: list[str], notes: Sequence[str] = ()):
        self.runs = TunedRuns(declared, arms, own)
        self.declared, self.arms, self.notes = declared, arms, notes

    @property
    def study(self) -> Path:
        """The study's directory."""
        return self.declared.study

    @property
    def tuned(self) -> Tuned:
        """What is compared and tuned, and what was chosen so far."""
        return self.declared.content

    def swept(self, train: Train) -> bool:
        """Goes through the stages. Returns whether all are over and no run failed.

        If runs of a stage are left, as after on_error=stop, no later stage begins; the same command continues there.
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
        return bool(best) and Confirmation(self.runs, best).confirmed(train) and well

    @property
    def rungs(self) -> int:
        """How often trials are pruned."""
        return max(len(arm.rungs) for arm in self.arms)

    def _tuning_stage(self, alive: dict[int, list[int]], rung: int) -> Plan:
        """The trials that are alive, trained up to the rung, or to their end after the last one."""
        runs = [
            dataclasses.replace(self.runs.trial(n, trial), until=_at(self.arms[n].rungs, rung))
            for n, trials in alive.items()
            for trial in trials
        ]
        return self.runs.stage(f"tuning, {self.rung_title(rung)}", runs)

    def rung_title(self, rung: int) -> str:
        """The title of the stage that ends at a rung, or at the end of the runs."""
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
            values = [halving.value_at(self.runs.store(n, trial), step, self.runs.objective) for trial in trials]
            kept[n] = [trials[place] for place in halving.kept(values, self.runs.objective.maximised)]
            out = [trial for trial in trials if trial not in kept[n]]
            prune([(identify(self.runs.trial(n, trial).config), self.runs.store(n, trial)) for trial in out])
        before, after = (sum(map(len, each.values())) for each in (alive, kept))
        print(f"{after} of {before} trials go on, the best third of each arm", flush=True)
        return kept

    def _choose(self, alive: dict[int, list[int]]) -> dict[int, Trial]:
        """The best trial of each arm, written down; an arm without a complete trial has none."""
        best = {}
        for n, arm in enumerate(self.arms):
            trials = [arm.trials[trial] for trial in alive[n]]
            values = [self.runs.value(n, trial) for trial in trials]
            if order := halving.ranked(values, self.runs.objective.maximised):
                best[n] = trials[order[0]]
            else:
                print(f"{named(arm.condition | arm.arm)}: no trial was completed, so it is not compared", flush=True)
        self.declared.update(chosen=[self._chosen(n, trial) for n, trial in best.items()])
        return best

    def _chosen(self, n: int, best: Trial) -> ChosenTrial:
        arm, run = self.arms[n], self.runs.trial(n, best.number).id
        records = [self.runs.store(n, trial).record() for trial in range(len(arm.trials))]
        count = [record.status for record in records if record is not None].count
        return ChosenTrial(
            arm=arm.arm,
            condition=arm.condition,
            setting=best.setting,
            trial=run,
            value=self.runs.value(n, best),
            configurations=len(arm.trials),
            finished=count("complete"),
            pruned=count("pruned"),
            diverged=count("diverged"),
            **self._known(n, run),
        )

    def _known(self, n: int, run: str) -> dict[str, Any]:
        """What an earlier command found of this setting; it stands until it is found again."""
        before = [each for each in self.tuned.chosen if self.runs.is_of(each, n) and each.trial == run]
        return {"verdict": before[0].verdict, "seeds": before[0].seeds} if before else {}


def _at(rungs: Sequence[int], rung: int) -> int | None:
    """The step of a rung; None beyond the last one: to the end."""
    return rungs[rung] if rung < len(rungs) else None
