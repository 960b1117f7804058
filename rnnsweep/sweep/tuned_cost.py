"""What a tuned sweep would take, stage by stage: one measured step for each arm."""

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rnnsweep import run
from rnnsweep.sweep import confirmation, halving
from rnnsweep.sweep.probe import seconds_per_step, stack_size
from rnnsweep.sweep.tuned import TunedSweep
from rnnsweep.sweep.tuned_runs import Arm
from rnnsweep.sweep.tuned_table import aligned
from rnnsweep.sweep.view import duration


def forecast(sweep: TunedSweep, workers: int, stack: int | str) -> Iterator[str]:
    """Lines: arms and trials, then the runs, the steps and the time of each stage."""
    tuned = sweep.tuned
    yield f"{sweep.study}: {len(sweep.arms)} arms, {tuned.trials} trials each; {sweep.runs.over()} trials are over"
    yield from sweep.notes
    yield ""
    with tempfile.TemporaryDirectory() as folder:  # a forecast leaves nothing behind
        costs = [
            Cost(arm, run.identify(sweep.runs.trial(n, 0).config), stack, Path(folder))
            for n, arm in enumerate(sweep.arms)
        ]
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
    yield f"\nabout {duration(total / workers)} with {workers} workers"
    if len(tuned.looks) > 1:
        parts = [cost.fresh(tuned.looks[-1] - first) for cost in costs]
        more = sum(seconds for _, _, seconds in parts)
        runs = sum(count for count, _, _ in parts)
        yield f"later looks add at most {runs} runs, about {duration(more / workers)}"


class Cost:
    """Runs, steps and seconds of one arm."""

    def __init__(self, arm: Arm, first: run.PreparedRun, stack: int | str, folder: Path):
        self.arm = arm
        size = int(stack) if stack != "auto" else stack_size(first, len(arm.trials), folder)
        size = min(size, len(arm.trials))
        self.step = seconds_per_step(first, size) / size
        self.steps = first.train.total_steps(first.task.steps_per_epoch)

    def tuning(self, rung: int) -> tuple[int, int, float]:
        """Of the stage that ends at a rung, or at the end of the run."""
        ends = [0, *self.arm.rungs, self.steps]
        if rung + 1 >= len(ends):
            return 0, 0, 0.0
        alive = len(self.arm.trials)
        for _ in range(rung):
            alive = math.ceil(alive / halving.FACTOR)
        steps = ends[rung + 1] - ends[rung]
        return alive, steps, alive * steps * self.step

    def fresh(self, seeds: int) -> tuple[int, int, float]:
        """Of the best setting with so many seeds."""
        return seeds, self.steps, seeds * self.steps * self.step


def _row(title: str, parts: list[tuple[int, int, float]]) -> list[str]:
    steps = sorted({steps for _, steps, _ in parts if steps})
    told = f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}"
    return [title, str(sum(runs for runs, _, _ in parts)), told, duration(sum(seconds for _, _, seconds in parts))]
