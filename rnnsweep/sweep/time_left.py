"""How long a plan still takes, from the runs that have ended and from those in hand."""

import collections
import statistics
from collections.abc import Iterable, Mapping, Sequence

from rnnsweep.planned import Planned, WorkerStatus
from rnnsweep.record import RunRecord


def seconds_left(
    runs: Iterable[Planned], records: Mapping[str, RunRecord], workers: Sequence[WorkerStatus]
) -> float | None:
    """The time until the last run of a plan ends, if the workers that live now go on as they do.

    A run is taken to cost what the runs of its shape have cost so far, those in hand by the time of their steps. For a
    shape that nobody has trained yet, the cost that was measured before is taken. It is corrected by a factor: what the
    trained shapes have cost, divided by what was measured for them. Without a measurement the mean over the shapes is
    taken.

    Args:
        runs: of the plan that need a record; those that wait for a later stage are left out.
        records: of the runs that have ended, by the run's name.
        workers: those that live.

    Returns:
        Seconds; None where no worker lives or nothing was trained yet.
    """
    shapes = {run.id: run.signature for run in runs}
    known = collections.defaultdict(list)
    for name, record in records.items():
        if record.status == "complete" and name in shapes and record.share_seconds:
            known[shapes[name]].append(record.share_seconds)
    in_hand = [worker for worker in workers if worker.runs and worker.runs[0] in shapes and _whole(worker)]
    for worker in in_hand:
        known[shapes[worker.runs[0]]].append(_whole(worker) / len(worker.runs))
    if not known or not workers:
        return None
    costs = {shape: statistics.fmean(seconds) for shape, seconds in known.items()}
    usual = statistics.fmean(costs.values())
    costs = _expected(costs, workers) | costs
    left = [name for name in shapes if name not in records]
    trained = sum(worker.seconds for worker in in_hand)
    work = sum(costs.get(shapes[name], usual) for name in left) - trained
    longest = max((_whole(worker) - worker.seconds for worker in in_hand), default=0.0)
    return max(work / min(len(workers), max(len(left), 1)), longest, 0.0)


def _expected(costs: Mapping[str, float], workers: Sequence[WorkerStatus]) -> dict[str, float]:
    """The costs that workers measured before, corrected by what the trained shapes have cost beside it."""
    measured = {shape: seconds for worker in workers for shape, seconds in worker.costs.items()}
    both = [(costs[shape], measured[shape]) for shape in costs if shape in measured]
    factor = sum(cost for cost, _ in both) / sum(before for _, before in both) if both else 1.0
    return {shape: factor * seconds for shape, seconds in measured.items()}


def _whole(worker: WorkerStatus) -> float:
    """Seconds that the stack in hand takes from where the worker began to its end; 0 before its first step."""
    done = worker.step - worker.began_at
    return worker.seconds * (worker.steps - worker.began_at) / done if done > 0 else 0.0
