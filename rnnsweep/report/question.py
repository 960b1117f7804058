"""A question that a report answers if the runs allow it. Each question is data, in its own file in `questions/`."""

import dataclasses
import fnmatch

from rnnsweep.report.discovery import modules
from rnnsweep.report.factor import Factor
from rnnsweep.report.runs import Runs


@dataclasses.dataclass(frozen=True)
class Question:
    """A question about one or more factors."""

    name: str
    title: str
    asks: str
    keys: tuple[str, ...]
    """Patterns of the factors that it is about. Each of them that varies gets a table, a figure and sentences."""
    metrics: tuple[str, ...] = ()
    """Patterns of metrics to draw beside the report's own, if the runs have them."""
    views: tuple[str, ...] = ()
    """Further figures, by the names of their files in `views/`."""
    tasks: tuple[str, ...] = ("*",)
    """Patterns of the tasks for which it is asked."""
    judged: str = ""
    """The metric to answer it by, if the runs have it; else the report's own."""

    def factors(self, runs: Runs) -> list[Factor]:
        """The factors of these runs that it is about, in the order of the patterns."""
        if not any(fnmatch.fnmatch(runs.learned, pattern) for pattern in self.tasks):
            return []
        found = [f for pattern in self.keys for f in runs.factors if fnmatch.fnmatch(f.key, pattern)]
        return list({factor.key: factor for factor in found}.values())

    def beside(self, runs: Runs, metric: str) -> list[str]:
        """The metrics to draw, the report's own first; at most three."""
        known = [name for pattern in self.metrics for name in runs.metrics if fnmatch.fnmatch(name, pattern)]
        return list(dict.fromkeys([metric, *known]))[:3]


def questions(packages: tuple[str, ...] = ()) -> list[Question]:
    """The questions in the order of their ranks: the report's own, and those of the user's packages."""
    found = sorted(modules("questions", packages).values(), key=lambda module: module.RANK)
    return [module.QUESTION for module in found]


def other_factors(runs: Runs) -> Question:
    """One more question, about all factors that no other question is about."""
    taken = {factor.key for question in questions(runs.packages) for factor in question.factors(runs)}
    left = tuple(factor.key for factor in runs.factors if factor.key not in taken)
    return Question("other", "What else varies", "What do the other settings change?", left)
