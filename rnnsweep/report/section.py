"""What the report says of one task: its answers, its tables, and what they are measured by."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from rnnsweep.report.draw import Picture
from rnnsweep.report.effects import Effect
from rnnsweep.report.leaderboard import ranked_entries
from rnnsweep.report.runs import Factor, MetricColumn, Runs
from rnnsweep.report.table import Table
from rnnsweep.report.tuned_comparison import TunedComparison


@dataclasses.dataclass
class Answer:
    """One question with what answers it."""

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
    """What one prompt was answered with by the best, the median and the worst seed of the selected setting."""

    prompt: str
    setting: str
    texts: tuple[tuple[str, str], ...]
    """(which seed, text)"""


@dataclasses.dataclass
class Section:
    """All that the report says of one task."""

    runs: Runs
    metric: MetricColumn
    margin: float
    baselines: dict[str, str]
    factors: list[Factor] = dataclasses.field(default_factory=list)
    """Those that are reported."""
    tuned: TunedComparison | None = None
    """The tuned comparison; None where nothing is compared or nothing tuned."""
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
        """What the effect of a compared factor is an average over: the tuned settings; empty for other factors."""
        if self.tuned is None or key not in {factor.key for factor in self.tuned.tuning.design.compared}:
            return ""
        return ", ".join(factor.key for factor in self.tuned.tuning.design.tuned)

    @property
    def beside(self) -> list[Effect]:
        """The effects of factors about which the tuned comparison says nothing."""
        return [effect for effect in self.effects if not self.averaged(effect.factor)]

    def has_item(self, name: str) -> bool:
        """Whether the summary of some run has an item of this name."""
        summaries = self.runs.frame["summary"].dropna() if "summary" in self.runs.frame else []
        return any(name in summary for summary in summaries)

    def seeds(self) -> list[int]:
        """The complete runs of the selected setting, the best seed first."""
        ranked = ranked_entries(self.runs, self.metric)
        if not ranked or not ranked[0].values:
            return []
        values = self.runs.values(self.metric.name)
        done = [int(row) for row in ranked[0].rows if math.isfinite(values[row])]
        return sorted(done, key=lambda row: values[row] * self.metric.sign)


def default_margin(runs: Runs, metric: MetricColumn) -> float:
    """Below this a difference is small: 0.01 nats (one percent of the perplexity), a point of a share; else 1%."""
    if metric.unit in ("nats", "share"):
        return 0.01
    values = runs.values(metric.name)
    return 0.01 * abs(float(np.nanmean(values))) if np.isfinite(values).any() else 0.01
