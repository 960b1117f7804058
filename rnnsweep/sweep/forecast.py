"""What a plan would take: one measured step for each distinct shape."""

import collections
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rnnsweep import run
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.probe import seconds_per_step, stack_size
from rnnsweep.sweep.view import Progress, duration


def forecast(plans: Sequence[Plan], workers: int, stack: int | str) -> str:
    """Runs, done and to do, parameters, operations, memory, stacks and time, as text; of several plans also in all."""
    parts = [_forecast(plan, stack) for plan in plans]
    lines = [line for told, seconds in parts for line in (*told, *_about(seconds, workers))]
    if len(plans) > 1:
        runs = sum(len(plan.runs) for plan in plans)
        lines += ["", f"{runs} runs of {len(plans)} studies", *_about(sum(seconds for _, seconds in parts), workers)]
    return "\n".join(lines)


def _about(seconds: float, workers: int) -> list[str]:
    return ["", f"about {duration(seconds / workers)} with {workers} workers"] if seconds else []


def _forecast(plan: Plan, stack: int | str) -> tuple[list[str], float]:
    """What is to be told of one plan, and the seconds that one worker would take for what is left of it."""
    progress = Progress(plan)
    progress.look()
    shapes: dict[str, list[Planned]] = collections.defaultdict(list)
    for planned in plan.runs:
        if planned.id not in progress.records:
            shapes[planned.signature].append(planned)
    lines = [f"{plan.study}: {progress.summary()}", ""]
    total = 0.0
    if shapes:
        lines.append("   runs  stack  parameters  FLOP a run   memory   ms a step   a run   such as")
    with tempfile.TemporaryDirectory() as folder:  # a forecast leaves nothing behind
        for alike in shapes.values():
            first = run.prepare(alike[0].config)
            size = int(stack) if stack != "auto" else stack_size(first, len(alike), Path(folder))
            row, seconds = _row(first, alike, min(size, len(alike)))
            total += seconds
            lines.append(row)
    return lines, total


def _row(first: run.Run, planned: list[Planned], size: int) -> tuple[str, float]:
    member = run.make_member(first, None)  # type: ignore[arg-type]
    parameters = sum(p.numel() for p in member.model.parameters())
    step = seconds_per_step(first, size) / size
    steps = first.train.total_steps(first.task.steps_per_epoch)
    tokens = first.task.batch(0)["inputs"].numel()
    flop = 6 * parameters * tokens * steps  # two for the forward, four for the backward, a parameter and a token
    memory = parameters * 4 * 5 * size  # weights, gradients, two slots, the best; activations come on top
    seconds = step * steps * len(planned)
    row = f"{len(planned):>7}{size:>7}{parameters:>12,}{flop:>12.1e}{memory / 2**20:>6.0f} MiB{step * 1e3:>10.2f}"
    return f"{row}{duration(step * steps):>10}   {planned[0].id}", seconds
