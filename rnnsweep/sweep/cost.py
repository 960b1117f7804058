"""The cost of a plan, from a measured step and a measured validation of each shape."""

import collections
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnnsweep import run
from rnnsweep.run.outline import without_numbers
from rnnsweep.sweep.estimate import Estimate
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.run_cost import RunCost, measured
from rnnsweep.sweep.view import Progress, duration

SHORT = 9.5
"""Seconds of a run below which a tenth is told, too."""


def forecast(plans: Sequence[Plan], stack: int | str, estimate: Estimate) -> Iterator[str]:
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
                share = -(-len(alike) // estimate.workers)  # as workers take them
                each = measured(first, share, stack, Path(folder))
                seconds += len(alike) * each.whole
                yield _row(first, alike, each)
            if seconds:
                yield f"\n{estimate.said(seconds)}\n"
            total += seconds
    if len(plans) > 1:
        yield f"\n{sum(len(plan.runs) for plan in plans)} runs of {len(plans)} studies"
        if total:
            yield f"\n{estimate.said(total)}\n"


def _shapes(progress: Progress) -> list[list[Planned]]:
    """The runs that are left, those of one shape together."""
    shapes: dict[str, list[Planned]] = collections.defaultdict(list)
    for planned in progress.plan.runs:
        if planned.id not in progress.records:
            shapes[planned.signature].append(planned)
    return list(shapes.values())


def _row(first: run.PreparedRun, alike: list[Planned], each: RunCost) -> str:
    with without_numbers():
        model = run.make_model(first.config, first.classes, first.task)
    parameters = sum(p.numel() for p in model.parameters())
    tokens = first.task.batch(0)["inputs"].numel()
    flop = 6 * parameters * tokens * each.steps  # two for the forward, four for the backward, a parameter and a token
    memory = parameters * 4 * 5 * each.size / 2**20  # weights, gradients, two slots, the best; activations come on top
    row = f"{len(alike):>7}{each.size:>7}{parameters:>12,}{flop:>12.1e}{memory:>6.0f} MiB{each.step * 1e3:>10.2f}"
    whole = f"{each.whole:.1f} s" if each.whole < SHORT else duration(each.whole)
    return f"{row}{whole:>10}   {alike[0].id}"
