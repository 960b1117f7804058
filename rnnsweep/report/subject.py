"""What a view draws: some runs, a metric, and the rest of what it may need."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rnnsweep.report import results
from rnnsweep.report.anova import Anova
from rnnsweep.report.effects import Effect
from rnnsweep.report.leaderboard import LeaderboardEntry, ranked_entries
from rnnsweep.report.runs import Factor, MetricColumn, Runs
from rnnsweep.report.sentences import level_name
from rnnsweep.report.tuned_comparison import TunedComparison

ARMS = 8  # lines in one panel


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a view is of: some runs, and as much of the rest as the view needs."""

    runs: Runs
    metric: MetricColumn
    factor: Factor | None = None
    """The factor that a question is about."""
    other: Factor | None = None
    """A second factor, crossed with the first."""
    arms: Factor | None = None
    """What the lines of one panel tell apart."""
    metrics: tuple[str, ...] = ()
    """The metrics to draw side by side."""
    effects: tuple[Effect, ...] = ()
    margin: float = 0.0
    anova: Anova | None = None
    tuned: TunedComparison | None = None
    row: int | None = None
    """A run: the best seed of the selected setting."""
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What that run's record shows of its model."""
    name: str = ""
    """One of the things that are shown."""

    @property
    def run(self) -> str:
        """The name of the run."""
        return str(self.runs.frame["run"].iloc[self.row])

    def label(self, level: str) -> str:
        """A level of the factor as a legend names it."""
        return level_name(self.factor.key, level) if self.factor else level

    def arm(self, level: str) -> str:
        """An arm as a legend names it."""
        return level_name(self.arms.key, level) if self.arms else level

    def best(self) -> list[tuple[str, LeaderboardEntry]]:
        """For each level of the factor the setting that is best by the metric."""
        return best_of_levels(self.runs, self.factor, self.metric) if self.factor else []

    def listed(self, name: str) -> pd.DataFrame:
        """A list that the run shows, a row for each entry; empty where it has one entry or none."""
        found = self.summary.get(name, [])
        return pd.DataFrame(found) if len(found) > 1 else pd.DataFrame()

    def rows(self, rows: Any, split: str, name: str) -> pd.DataFrame:
        """What some runs logged of one metric: `row step value`."""
        paths = self.runs.frame["path"].to_numpy(object)[rows]
        found = results.curves(list(paths), split, name)
        return found.assign(row=np.asarray(rows, int)[found["run"].astype(int)])[["row", "step", "value"]].dropna()


def best_of_levels(runs: Runs, factor: Factor, metric: MetricColumn) -> list[tuple[str, LeaderboardEntry]]:
    """For each level the setting that is best by the metric; for ARMS levels at most."""
    best: dict[int, LeaderboardEntry] = {}
    for entry in ranked_entries(runs, metric):
        best.setdefault(int(factor.column[entry.rows[0]]), entry)
    return [(factor.levels[code], best[code]) for code in sorted(best) if code >= 0][:ARMS]
