"""What a tuned sweep would take, stage by stage: a measured step and a measured validation for each arm."""

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rnnsweep import run
from rnnsweep.errors import many
from rnnsweep.sweep import confirmation, halving
from rnnsweep.sweep.estimate import Estimate
from rnnsweep.sweep.run_cost import RunCost, measured
from rnnsweep.sweep.tuned import TunedSweep
from rnnsweep.sweep.tuned_runs import Arm
from rnnsweep.sweep.tuned_table import aligned
from rnnsweep.sweep.view import duration


def forecast(sweep: TunedSweep, stack: int | str, estimate: Estimate) -> Iterator[str]:
    """Lines: arms and trials, then the runs, the steps and the time of each stage."""
    tuned = sweep.tuned
    over = sweep.runs.over()
    begun = f"{many(over, 'trial', 'is', 'are')} over"
    yield f"{sweep.study}: {many(len(sweep.arms), 'arm')}, {many(tuned.trials, 'trial')} each; {begun}"
    yield from sweep.notes
    yield ""
    costs = []
    with tempfile.TemporaryDirectory() as folder:  # a forecast leaves nothing behind
        for n, arm in enumerate(sweep.arms):
            share = -(-len(arm.trials) // estimate.workers)  # as workers take them
            trial = run.identify(sweep.runs.trial(n, 0).config)
            costs.append(Cost(arm, measured(trial, share, stack, Path(folder))))
    rows, total = [["stage", "runs", "steps each", "time"]], 0.0
    for rung in range(sweep.rungs + 1):
        parts = [cost.tuning(rung) for cost in costs]
        total += sum(seconds for _, _, seconds in parts)
        rows.append(_row(f"tuning, {sweep.rung_title(rung)}", parts))
    first = len(tuned.seeds)
    parts = [cost.fresh(first) for cost in costs]
    total += sum(seconds for _, _, seconds in parts)
    rows.append(_row(confirmation.title(tuned, 0, first), parts))
    yield from (f"  {line}" for line in aligned(rows, right=True))
    yield f"\n{estimate.said(total)}"
    if len(tuned.looks) > 1:
        parts = [cost.fresh(tuned.looks[-1] - first) for cost in costs]
        more = sum(seconds for _, _, seconds in parts)
        runs = sum(count for count, _, _ in parts)
        yield f"later looks add at most {runs} runs, about {duration(estimate.working(more))}"


class Cost:
    """Runs, steps and seconds of one arm."""

    def __init__(self, arm: Arm, each: RunCost):
        self.arm, self.each = arm, each

    def tuning(self, rung: int) -> tuple[int, int, float]:
        """Of the stage that ends at a rung, or at the end of the run."""
        ends = [0, *self.arm.rungs, self.each.steps]
        if rung + 1 >= len(ends):
            return 0, 0, 0.0
        alive = len(self.arm.trials)
        for _ in range(rung):
            alive = math.ceil(alive / halving.FACTOR)
        steps = ends[rung + 1] - ends[rung]
        last = rung + 2 == len(ends)
        return alive, steps, alive * (self.each.part(steps) + last * self.each.end)

    def fresh(self, seeds: int) -> tuple[int, int, float]:
        """Of the best setting with so many seeds."""
        return seeds, self.each.steps, seeds * self.each.whole


def _row(title: str, parts: list[tuple[int, int, float]]) -> list[str]:
    steps = sorted({steps for _, steps, _ in parts if steps})
    told = f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}"
    return [title, str(sum(runs for runs, _, _ in parts)), told, duration(sum(seconds for _, _, seconds in parts))]
