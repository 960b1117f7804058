"""The section of a report about one task: its answers and tables, and the metric that they use."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from rnnsweep.report.effects import Effect
from rnnsweep.report.factor import Factor
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.rendering import Picture
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_ranks import ranked_entries
from rnnsweep.report.table import Table
from rnnsweep.report.tuned_comparison import TunedComparison


@dataclasses.dataclass
class Answer:
    """One question with the sentences, tables and figures that answer it."""

    slug: str
    title: str
    asks: str
    sentences: list[str] = dataclasses.field(default_factory=list)
    tables: list[Table] = dataclasses.field(default_factory=list)
    pictures: list[Picture] = dataclasses.field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.sentences or self.tables or self.pictures)


@dataclasses.dataclass(frozen=True)
class PromptSamples:
    """The texts that the best, the median and the worst seed of the selected setting wrote after one prompt."""

    prompt: str
    setting: str
    texts: tuple[tuple[str, str], ...]
    """(which seed, text)"""


@dataclasses.dataclass
class Section:
    """The section of a report about one task."""

    runs: Runs
    metric: MetricColumn
    margin: float
    baselines: dict[str, str]
    factors: list[Factor] = dataclasses.field(default_factory=list)
    """The factors that are reported."""
    tuned: TunedComparison | None = None
    """The tuned comparison; None if nothing is compared or nothing is tuned."""
    top_tables: list[Table] = dataclasses.field(default_factory=list)
    """The tables at the top of the report."""
    headline: list[str] = dataclasses.field(default_factory=list)
    leaderboard: Table | None = None
    answers: list[Answer] = dataclasses.field(default_factory=list)
    effects: list[Effect] = dataclasses.field(default_factory=list)
    listings: list[Table] = dataclasses.field(default_factory=list)
    appendix: list[Table] = dataclasses.field(default_factory=list)
    samples: list[PromptSamples] = dataclasses.field(default_factory=list)
    images: list[tuple[str, Path]] = dataclasses.field(default_factory=list)
    views: Sequence[ModuleType] = ()
    """Those of the user's that the command names."""

    @property
    def task(self) -> str:
        return self.runs.task

    def factor(self, *keys: str) -> Factor | None:
        """The first factor of the runs that has one of these keys."""
        return next((factor for factor in self.runs.factors if factor.key in keys), None)

    def averaged(self, key: str) -> str:
        """The names of the tuned settings, over which the effect of a compared factor is an average.

        Empty for a factor that is not compared.
        """
        if self.tuned is None or key not in {factor.key for factor in self.tuned.tuning.design.compared}:
            return ""
        return ", ".join(factor.key for factor in self.tuned.tuning.design.tuned)

    @property
    def tables(self) -> list[Table]:
        """All tables of the section."""
        board = [self.leaderboard] if self.leaderboard else []
        answers = [table for answer in self.answers for table in answer.tables]
        return [*self.top_tables, *board, *answers, *self.listings, *self.appendix]

    @property
    def beside(self) -> list[Effect]:
        """The effects of the factors that the tuned comparison does not cover."""
        return [effect for effect in self.effects if not self.averaged(effect.factor)]

    def has_item(self, name: str) -> bool:
        """Whether the summary of any run has an item of this name."""
        summaries = self.runs.frame["summary"].dropna() if "summary" in self.runs.frame else []
        return any(name in summary for summary in summaries)

    def seeds(self) -> list[int]:
        """The rows of the selected setting's complete runs, the best seed first."""
        ranked = ranked_entries(self.runs, self.metric)
        if not ranked or not ranked[0].values:
            return []
        values = self.runs.values(self.metric.name)
        done = [int(row) for row in ranked[0].rows if math.isfinite(values[row])]
        return sorted(done, key=lambda row: values[row] * self.metric.sign)


def default_margin(runs: Runs, metric: MetricColumn) -> float:
    """The margin below which a difference is small, if the user and the plan name none.

    It is 0.01 for a loss in nats (one percent of the perplexity) and for a share (one percentage point). For other
    metrics it is 1% of the mean value.
    """
    if metric.unit in ("nats", "share"):
        return 0.01
    values = runs.values(metric.name)
    return 0.01 * abs(float(np.nanmean(values))) if np.isfinite(values).any() else 0.01
