"""A view is a file with `data`, which makes a frame of runs, and `draw`, which draws it. It is found by its name."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rnnsweep.lettering import lettered
from rnnsweep.report import results
from rnnsweep.report.anova import Anova
from rnnsweep.report.contests import Tuned
from rnnsweep.report.draw import STYLE, Picture
from rnnsweep.report.effects import Effect
from rnnsweep.report.found import modules
from rnnsweep.report.leaderboard import Standing, standings
from rnnsweep.report.runs import Factor, Metric, Runs
from rnnsweep.report.sentences import named
from rnnsweep.report.tables import anchor
from rnnsweep.report.typeface import families

ARMS = 8  # lines in one panel


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a view is of: some runs, and as much of the rest as the view needs."""

    runs: Runs
    metric: Metric
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
    tuned: Tuned | None = None
    row: int | None = None
    """A run: the best seed of the selected setting."""
    shown: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What that run's record shows of its model."""
    name: str = ""
    """One of the things that are shown."""

    @property
    def run(self) -> str:
        """The name of the run."""
        return str(self.runs.frame["run"].iloc[self.row])

    def label(self, level: str) -> str:
        """A level of the factor as a legend names it."""
        return named(self.factor.key, level) if self.factor else level

    def arm(self, level: str) -> str:
        """An arm as a legend names it."""
        return named(self.arms.key, level) if self.arms else level

    def best(self) -> list[tuple[str, Standing]]:
        """For each level of the factor the setting that is best by the metric."""
        return best_of_levels(self.runs, self.factor, self.metric) if self.factor else []

    def listed(self, name: str) -> pd.DataFrame:
        """A list that the run shows, a row for each entry; empty where it has one entry or none."""
        found = self.shown.get(name, [])
        return pd.DataFrame(found) if len(found) > 1 else pd.DataFrame()

    def rows(self, rows: Any, split: str, name: str) -> pd.DataFrame:
        """What some runs logged of one metric: `row step value`."""
        paths = self.runs.frame["path"].to_numpy(object)[rows]
        found = results.curves(list(paths), split, name)
        return found.assign(row=np.asarray(rows, int)[found["run"].astype(int)])[["row", "step", "value"]].dropna()


def best_of_levels(runs: Runs, factor: Factor, metric: Metric) -> list[tuple[str, Standing]]:
    """For each level the setting that is best by the metric; for ARMS levels at most."""
    best: dict[int, Standing] = {}
    for standing in standings(runs, metric):
        best.setdefault(int(factor.column[standing.rows[0]]), standing)
    return [(factor.levels[code], best[code]) for code in sorted(best) if code >= 0][:ARMS]


def picture(name: str, of: Subject) -> Picture | None:
    """The picture of one view; None where these runs have no data for it.

    Args:
        name: Of the view: its file in `views/`.
        of: What to draw.
    """
    view = modules("views", of.runs.packages)[name]
    frame = view.data(of)
    if frame.empty:
        return None
    with lettered((), families(), STYLE):
        figure = view.draw(frame, of)
    keys = [factor.key for factor in (of.factor, of.other) if factor]
    address = anchor(of.name) if of.name else name.replace("_", "-")
    return Picture(f"{address}-{anchor(of.runs.task, *keys)}", view.title(of), view.caption(frame, of), figure, frame)


def pictures(names: Sequence[str], of: Subject) -> list[Picture]:
    """The pictures of those views that these runs have data for."""
    return [found for found in (picture(name, of) for name in names) if found]
