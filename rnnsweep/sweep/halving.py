"""Successive halving: which trials of an arm go on at a rung.

It is the synchronous form (Karnin et al. 2013): an arm is judged when all its trials have come to the rung, and the
best third goes on. Asynchronous halving, ASHA (Li et al. 2020), judges each trial by those that came before it. That
keeps all workers busy, but the outcome depends on who came first. Here it depends on the trials alone, whatever the
number of workers and whatever is killed in between.
"""

import math
from collections.abc import Sequence

from rnnsweep.record import RunStore
from rnnsweep.sweep.objective import Objective

FACTOR = 3
"""One of so many trials goes on; a rung lies so many times further than the one before."""


def rungs(steps: int, every: int) -> list[int]:
    """The steps of the rungs: the validations at, or next after, a ninth and a third of a run.

    They do not depend on the number of trials, so that more trials can be added later.

    Args:
        steps: of a whole run.
        every: steps from one validation to the next.

    Returns:
        One or none where the validations are too far apart for two.
    """
    found = (math.ceil(steps / FACTOR**power / every) * every for power in (2, 1))
    return [step for step in dict.fromkeys(found) if step < steps]


def kept(values: Sequence[float], maximised: bool) -> list[int]:
    """The positions of the best third, rounded up. Of equal values the earlier is better; what diverged is never kept.

    Args:
        values: of each trial at a rung; infinite where the trial diverged or failed.
        maximised: whether a higher value is better.
    """
    return sorted(ranked(values, maximised)[: math.ceil(len(values) / FACTOR)])


def ranked(values: Sequence[float], maximised: bool) -> list[int]:
    """The positions of the finite values, the best first. Of equal values the earlier is better."""
    finite = [place for place, value in enumerate(values) if math.isfinite(value)]
    return sorted(finite, key=lambda place: (-values[place] if maximised else values[place], place))


def value_at(store: RunStore, step: int, objective: Objective) -> float:
    """The value of a trial at a rung: its validation there, or its best one if early stopping ended it before the rung.

    A trial that went on beyond the rung is judged as it stood then, so that the decision can be made again at any time.
    """
    record, name = store.record(), objective.name.removeprefix("val/")
    if record is not None and record.steps <= step and record.status in ("complete", "diverged"):
        return objective.of([record])
    values = [row.get(name) for row in store.rows() if row["split"] == "val" and row["step"] == step]
    return float(values[-1]) if values and values[-1] is not None else objective.worst


def final_value(store: RunStore, objective: Objective) -> float:
    """The value of a trial that was trained to its end; of any other trial the worst possible value."""
    record = store.record()
    return objective.of([record]) if record is not None and record.status == "complete" else objective.worst
