"""The cost of a plan, from a measured step and a measured validation of each shape."""

import collections
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnnsweep import cores, run
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.probe import seconds_per_step, seconds_per_validation, stack_size
from rnnsweep.sweep.view import Progress, duration

START = 5.0
"""Seconds from the command to the first step of its workers; measured on the reference sweep, see scripts/README.md."""


def forecast(plans: Sequence[Plan], workers: int, stack: int | str) -> Iterator[str]:
    """Lines with the runs done and to do, parameters, operations, memory, stacks and time; at the end the sum."""
    total = 0.0
    with tempfile.TemporaryDirectory() as folder:  # a forecast leaves nothing behind
        for plan in plans:
            progress = Progress(plan)
            progress.look()
            yield f"{plan.study}: {progress.summary()}\n"
            if progress.left:
                yield "   runs  stack  parameters  FLOP a run   memory   ms a step   a run   such as"
            seconds = 0.0
            for alike in _shapes(progress):
                first = run.prepare(alike[0].config)
                share = -(-len(alike) // workers)  # as workers take them
                size = min(int(stack), len(alike)) if stack != "auto" else stack_size(first, share, Path(folder))
                row, taken = _row(first, alike, size)
                seconds += taken
                yield row
            yield from _about(seconds, workers)
            total += seconds
    if len(plans) > 1:
        yield f"\n{sum(len(plan.runs) for plan in plans)} runs of {len(plans)} studies"
        yield from _about(total, workers)


def _shapes(progress: Progress) -> list[list[Planned]]:
    """The runs that are left, those of one shape together."""
    shapes: dict[str, list[Planned]] = collections.defaultdict(list)
    for planned in progress.plan.runs:
        if planned.id not in progress.records:
            shapes[planned.signature].append(planned)
    return list(shapes.values())


def _about(seconds: float, workers: int) -> Iterator[str]:
    if seconds:
        yield f"\nabout {duration(START + seconds / workers)} with {workers} workers on {cores.said()}\n"


def _row(first: run.PreparedRun, planned: list[Planned], size: int) -> tuple[str, float]:
    model = run.make_model(first.config, first.classes, first.task)
    parameters = sum(p.numel() for p in model.parameters())
    step = seconds_per_step(first, size) / size
    steps = first.train.total_steps(first.task.steps_per_epoch)
    tokens = first.task.batch(0)["inputs"].numel()
    flop = 6 * parameters * tokens * steps  # two for the forward, four for the backward, a parameter and a token
    memory = parameters * 4 * 5 * size  # weights, gradients, two slots, the best; activations come on top
    each = step * steps + seconds_per_validation(first, size) / size * _evaluations(first)
    seconds = each * len(planned)
    row = f"{len(planned):>7}{size:>7}{parameters:>12,}{flop:>12.1e}{memory / 2**20:>6.0f} MiB{step * 1e3:>10.2f}"
    return f"{row}{duration(each):>10}   {planned[0].id}", seconds


def _evaluations(first: run.PreparedRun) -> int:
    """How often a run is evaluated: its validations, the test, and a slice of the training part of a similar size."""
    return first.train.validations(first.task.steps_per_epoch) + 2
