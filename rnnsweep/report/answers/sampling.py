"""What a language model's sampling temperature buys."""

from collections.abc import Iterator

from rnnsweep.report.section import Answer, Section
from rnnsweep.report.tables import anchor
from rnnsweep.report.view import Subject, pictures

RANK = 20


def answers(section: Section) -> Iterator[Answer]:
    """Diversity against coherence, by cell where the cell varies."""
    if section.shows("measures"):
        slug, title = anchor(section.task, "sampling"), "Sampling temperature and top-k"
        answer = Answer(slug, title, "What does diversity cost in coherence?")
        answer.pictures = pictures(["diversity"], Subject(section.runs, section.metric, arms=section.factor("cell")))
        yield answer
