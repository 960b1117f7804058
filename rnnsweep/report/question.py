"""A question that a report answers where the runs allow: data, in a file of its own."""

import dataclasses
import fnmatch

from rnnsweep.report.discovery import modules
from rnnsweep.report.runs import Factor, Runs


@dataclasses.dataclass(frozen=True)
class Question:
    """A question that one or more factors answer."""

    name: str
    title: str
    asks: str
    keys: tuple[str, ...]
    """Patterns of the factors that answer it; each that varies gets a table, a figure and sentences."""
    metrics: tuple[str, ...] = ()
    """Patterns of metrics drawn beside the report's own, where the runs have them."""
    views: tuple[str, ...] = ()
    """Further figures, by the names of their files in `views/`."""
    tasks: tuple[str, ...] = ("*",)
    judged: str = ""
    """The metric to answer it by, where the report's own cannot tell."""

    def factors(self, runs: Runs) -> list[Factor]:
        """The factors among these runs that answer it, in the order of the patterns."""
        if not any(fnmatch.fnmatch(runs.learned, pattern) for pattern in self.tasks):
            return []
        found = [f for pattern in self.keys for f in runs.factors if fnmatch.fnmatch(f.key, pattern)]
        return list({factor.key: factor for factor in found}.values())

    def beside(self, runs: Runs, metric: str) -> list[str]:
        """The metrics to draw: the report's own first."""
        known = [name for pattern in self.metrics for name in runs.metrics if fnmatch.fnmatch(name, pattern)]
        return list(dict.fromkeys([metric, *known]))[:3]


def questions(packages: tuple[str, ...] = ()) -> list[Question]:
    """The questions in their order: the files of `questions/`, and those of the user's packages."""
    found = sorted(modules("questions", packages).values(), key=lambda module: module.RANK)
    return [module.QUESTION for module in found]


def other_factors(runs: Runs) -> Question:
    """Whatever else varies, under a question of its own."""
    taken = {factor.key for question in questions(runs.packages) for factor in question.factors(runs)}
    left = tuple(factor.key for factor in runs.factors if factor.key not in taken)
    return Question("other", "What else varies", "What do the other settings change?", left)
