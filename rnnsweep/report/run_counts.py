"""How many runs a table uses, and why it leaves out the others."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnsweep.errors import many
from rnnsweep.report.metric_column import in_words
from rnnsweep.report.runs import Runs


@dataclasses.dataclass(frozen=True)
class RunCounts:
    """How many runs a table uses, and how many it leaves out for which reason."""

    total: int
    used: int
    left_out: Counter[str]

    def __post_init__(self) -> None:
        assert self.used + sum(self.left_out.values()) == self.total, "every run is counted once"

    def __str__(self) -> str:
        if not self.left_out:
            return "The one run." if self.total == 1 else f"All {self.total} runs."
        told = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return f"{self.used} of {many(self.total, 'run')}; left out: {told}."


def run_counts(
    runs: Runs, used: Sequence[int] | Any, metric: str | None = None, other: str = "of other settings"
) -> RunCounts:
    """Counts the runs that a table uses, and those that it leaves out.

    Args:
        runs: The runs of the task.
        used: The rows of the runs that the table uses.
        metric: The metric that a run needs to be in the table, if any.
        other: The reason for complete runs that have the metric and are left out all the same.

    Returns:
        The counts. The reason for a run is its state if it is not complete, then the missing metric, then `other`.
    """
    inside = np.zeros(len(runs.frame), bool)
    inside[np.asarray(used, int)] = True
    reasons = runs.frame["state"].to_numpy(object).copy()
    if metric is not None:
        reasons[(reasons == "complete") & ~np.isfinite(runs.values(metric))] = f"without {in_words(metric)}"
    reasons[reasons == "complete"] = other
    return RunCounts(len(inside), int(inside.sum()), Counter(reasons[~inside]))
