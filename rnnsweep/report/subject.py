"""The input of a view: some runs, a metric, and whatever else a view may need."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rnnsweep.report import results
from rnnsweep.report.anova import Anova
from rnnsweep.report.effects import Effect
from rnnsweep.report.factor import Factor
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_labels import level_name
from rnnsweep.report.setting_ranks import LeaderboardEntry, ranked_entries
from rnnsweep.report.tuned_comparison import TunedComparison

ARMS = 8  # most lines in one panel


@dataclasses.dataclass(frozen=True)
class Subject:
    """The input of a view: some runs, a metric, and whatever else this view needs."""

    runs: Runs
    metric: MetricColumn
    factor: Factor | None = None
    """The factor that a question is about."""
    other: Factor | None = None
    """A second factor, crossed with the first."""
    arms: Factor | None = None
    """The factor whose levels are the lines of one panel."""
    metrics: tuple[str, ...] = ()
    """The metrics to draw side by side."""
    effects: tuple[Effect, ...] = ()
    margin: float = 0.0
    anova: Anova | None = None
    tuned: TunedComparison | None = None
    row: int | None = None
    """The row of one run: the best seed of the selected setting."""
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The summary in that run's record."""
    name: str = ""
    """The item of the summary that is drawn, for a view that draws any item."""

    @property
    def run(self) -> str:
        """The name of the run in `row`."""
        return str(self.runs.frame["run"].iloc[self.row])

    def label(self, level: str) -> str:
        """A level of the factor as a legend names it."""
        return level_name(self.factor.key, level) if self.factor else level

    def arm(self, level: str) -> str:
        """An arm as a legend names it."""
        return level_name(self.arms.key, level) if self.arms else level

    def best(self) -> list[tuple[str, LeaderboardEntry]]:
        """The best setting of each level of the factor, by the metric."""
        return best_of_levels(self.runs, self.factor, self.metric) if self.factor else []

    def listed(self, name: str) -> pd.DataFrame:
        """A list in the summary as a table, a row for each entry; empty if it has fewer than two entries."""
        found = self.summary.get(name, [])
        return pd.DataFrame(found) if len(found) > 1 else pd.DataFrame()

    def rows(self, rows: Any, split: str, name: str) -> pd.DataFrame:
        """What some runs logged of one metric.

        Args:
            rows: The rows of these runs.
            split: `train`, `val` or `test`.
            name: The metric, such as `loss`.

        Returns:
            A frame with the columns `row step value`.
        """
        paths = self.runs.frame["path"].to_numpy(object)[rows]
        found = results.curves(list(paths), split, name)
        return found.assign(row=np.asarray(rows, int)[found["run"].astype(int)])[["row", "step", "value"]].dropna()


def best_of_levels(runs: Runs, factor: Factor, metric: MetricColumn) -> list[tuple[str, LeaderboardEntry]]:
    """The best setting of each level, by the metric; of the first ARMS levels only."""
    best: dict[int, LeaderboardEntry] = {}
    for entry in ranked_entries(runs, metric):
        best.setdefault(int(factor.column[entry.rows[0]]), entry)
    return [(factor.levels[code], best[code]) for code in sorted(best) if code >= 0][:ARMS]
