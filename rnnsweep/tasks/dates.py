"""Dates from one way of writing to another: "2025-09-30" becomes "Sep 30, 2025"."""

import dataclasses
import datetime
import functools
import string
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le

from rnnsweep import rng
from rnnsweep.errors import ConfigError
from rnnsweep.tasks.examples import DrawnTask
from rnnsweep.tasks.transduction import Pairs, TransductionTask
from rnnsweep.types import Split

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

Format = Literal["iso", "short", "long", "european", "american", "dotted"]
FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)


def written(date: datetime.date, form: Format) -> str:
    """A date in one of the formats."""
    month = MONTHS[date.month - 1]
    forms = {
        "iso": f"{date.year}-{date.month:02}-{date.day:02}",
        "short": f"{month[:3]} {date.day}, {date.year}",
        "long": f"{month} {date.day}, {date.year}",
        "european": f"{date.day} {month} {date.year}",
        "american": f"{date.month}/{date.day}/{date.year}",
        "dotted": f"{date.day}.{date.month}.{date.year}",
    }
    return forms[form]


PATTERNS: dict[Format, str] = {
    "iso": "%Y-%m-%d",
    "short": "%b %d, %Y",
    "long": "%B %d, %Y",
    "european": "%d %B %Y",
    "american": "%m/%d/%Y",
    "dotted": "%d.%m.%Y",
}


def is_written(text: str, form: Format) -> bool:
    """Whether a text is a date between FIRST and LAST in this format."""
    try:
        date = datetime.datetime.strptime(text, PATTERNS[form]).date()
    except ValueError:
        return False
    return FIRST <= date <= LAST and written(date, form) == text  # strptime also admits 2025-9-3


def _longest(form: Format) -> int:
    """Symbols of the longest date in a format; a day of two digits is in every month."""
    return max(len(written(datetime.date(2000, month, 28), form)) for month in range(1, 13))


@dataclasses.dataclass(kw_only=True, eq=False)
class Dates(DrawnTask, TransductionTask):
    """Days from 1900 to 2099, each in one of `sources` at random; a day lies in one split, however it is written."""

    sources: list[Format] = dataclasses.field(default_factory=lambda: ["iso"])
    """How the source dates are written: iso 2025-09-30, short Sep 30, 2025, long September 30, 2025, european
    30 September 2025, american 9/30/2025, dotted 30.9.2025."""
    target: Format = "short"
    """How they go out."""
    examples: Annotated[int, Ge(1), Le(60_000)] = 10_000
    """Training dates."""

    @property
    def alphabets(self) -> tuple[str, str]:
        known = string.digits + string.ascii_letters + " ,-/."
        return known, known

    @property
    def widths(self) -> tuple[int, int]:
        return max(map(_longest, self.sources)), _longest(self.target)

    @functools.cached_property
    def pairs(self) -> dict[Split, Pairs]:
        days = (LAST - FIRST).days + 1
        if not self.sources:
            raise ConfigError("task.sources", "expected at least one format, got none")
        if self.total > days:
            problem = f"there are {days} days from 1900 to 2099 and {self.total} are asked for"
            raise ConfigError(
                "task.examples", f"{problem}; lower `task.examples` or `task.held_out`", ("task.held_out",)
            )
        chosen = torch.randperm(days, generator=rng.generator(self.seed, "data"))[: self.total].tolist()
        draws = rng.uniform(self.seed, "data", "formats")
        return self.split([self.pair(FIRST + datetime.timedelta(day), next(draws)) for day in chosen])

    def pair(self, date: datetime.date, draw: float) -> tuple[str, str]:
        """`draw` in [0, 1) chooses the source's format."""
        return written(date, self.sources[int(draw * len(self.sources))]), written(date, self.target)

    def expected(self, source: str) -> str:
        if any(is_written(source, form) for form in self.sources):
            return ""
        forms = " or ".join(written(datetime.date(2025, 9, 30), form) for form in self.sources)
        return f"a date from {FIRST.year} to {LAST.year}, written as {forms}"
