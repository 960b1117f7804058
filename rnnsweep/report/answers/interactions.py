"""Whether the effect of one setting depends on another."""

import itertools
from collections.abc import Iterator

from rnnsweep.report.pictures import pictures
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import anchor

RANK = 50

LEVELS = 12  # most levels of a factor in a heat map
FACTORS, PAIRS = 5, 6  # most factors, and most heat maps


def answers(section: Section) -> Iterator[Answer]:
    """A heat map for each pair of the first factors."""
    small = [factor for factor in section.factors if 2 <= len(factor.levels) <= LEVELS][:FACTORS]
    slug, asks = anchor(section.task, "interactions"), "Does the effect of one setting depend on another?"
    answer = Answer(slug, "Interactions", asks)
    for first, second in list(itertools.combinations(small, 2))[:PAIRS]:
        answer.pictures += pictures(["heat"], Subject(section.runs, section.metric, first, second))
    yield answer
