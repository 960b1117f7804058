"""How many runs a table is about, and why the others are not in it."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnsweep.report.runs import Runs


@dataclasses.dataclass(frozen=True)
class RunCounts:
    """How many runs a table is about, and why each of the others is not in it."""

    total: int
    used: int
    left_out: Counter[str]

    def __post_init__(self) -> None:
        assert self.used + sum(self.left_out.values()) == self.total, "every run is counted once"

    def __str__(self) -> str:
        if not self.left_out:
            return f"All {self.total} runs."
        told = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return f"{self.used} of {self.total} runs; left out: {told}."


def run_counts(
    runs: Runs, used: Sequence[int] | Any, metric: str | None = None, other: str = "of other settings"
) -> RunCounts:
    """Accounts for every run: used, or left out by its state, for want of the metric, or for the `other` reason."""
    inside = np.zeros(len(runs.frame), bool)
    inside[np.asarray(used, int)] = True
    reasons = runs.frame["state"].to_numpy(object).copy()
    if metric is not None:
        reasons[(reasons == "complete") & ~np.isfinite(runs.values(metric))] = f"without {metric}"
    reasons[reasons == "complete"] = other
    return RunCounts(len(inside), int(inside.sum()), Counter(reasons[~inside]))
