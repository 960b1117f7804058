"""The effect of a language model's sampling temperature."""

from collections.abc import Iterator

from rnnsweep.report.pictures import pictures
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import anchor

RANK = 20


def answers(section: Section) -> Iterator[Answer]:
    """Diversity against coherence, by cell if the cell varies."""
    if section.has_item("measures"):
        slug, title = anchor(section.task, "sampling"), "Sampling temperature and top-k"
        answer = Answer(slug, title, "How much coherence does more diversity cost?")
        answer.pictures = pictures(["diversity"], Subject(section.runs, section.metric, arms=section.factor("cell")))
        yield answer
