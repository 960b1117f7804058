"""How the trained cells use their past, if the runs recorded diagnostics."""

from collections.abc import Iterator

from rnnsweep.report.pictures import pictures
from rnnsweep.report.recorded_diagnostics import gates
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import anchor

RANK = 30
ASKS = "How far back do gradients and useful context reach, and how open are the gates?"


def answers(section: Section) -> Iterator[Answer]:
    """The diagnostics by cell, or by the first factor if the cell does not vary."""
    factors = section.factors
    if not factors or not (section.has_item("gradient_by_lag") or section.has_item("spectral_radius")):
        return
    factor = next((f for f in factors if f.key == "cell"), factors[0])
    subject = Subject(section.runs, section.metric, factor)
    answer = Answer(anchor(section.task, "inside"), "Inside the trained cells", ASKS)
    answer.pictures = pictures(["reach"], subject)
    answer.tables = [table for table in [gates(subject)] if table]
    yield answer
