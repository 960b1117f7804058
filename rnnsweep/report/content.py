"""The content of a report, from which all its files are written."""

import dataclasses
import functools
from collections.abc import Sequence

import pandas as pd

from rnnsweep.report.across import table as across
from rnnsweep.report.across.pictures import pictures as pictures_across
from rnnsweep.report.across.scores import Scores
from rnnsweep.report.rendering import Picture
from rnnsweep.report.section import Section
from rnnsweep.report.table import Table

SAYS = 10  # most sentences of the summary


@dataclasses.dataclass(frozen=True)
class Report:
    """The content of a report, from which all its files are written."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    command: str
    warnings: Sequence[str]
    differing: Table | None = None
    """The table of runs that lie in several directories with different results, if there are any."""
    across: Scores | None = None
    """The scores of the tuned arms over several tasks, if there are several."""
    runs: pd.DataFrame | None = None
    """All runs, as `rnnsweep.results` returns them."""

    @functools.cached_property
    def over_tasks(self) -> list[Table]:
        """The table of the tuned arms over several tasks. All files share it, because its bootstrap takes time."""
        return [across.table(self.across)] if self.across else []

    @functools.cached_property
    def over_tasks_pictures(self) -> list[Picture]:
        """The figures of the tuned arms over several tasks."""
        return pictures_across(self.across) if self.across else []

    @property
    def top_tables(self) -> list[Table]:
        """The tables at the top: over all tasks, then of each task."""
        return [*self.over_tasks, *(table for section in self.sections for table in section.top_tables)]

    @property
    def headlines(self) -> list[tuple[str, list[str]]]:
        """The sentences of the summary: about SAYS in all, divided equally among the tasks."""
        each = max(2, SAYS // max(1, len(self.sections)))
        over_all = [("all tasks", [across.sentence(self.across)])] if self.across else []
        return [*over_all, *((section.task, section.headline[:each]) for section in self.sections)]
