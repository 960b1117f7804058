"""The forecasts of the selected model: the error at each step ahead, and an example."""

from collections.abc import Iterator

from rnnsweep.report.pictures import pictures
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.summaries import read_summary
from rnnsweep.report.table import anchor

RANK = 25
ASKS = "How far ahead are the forecasts good?"


def answers(section: Section) -> Iterator[Answer]:
    """The figures of the selected setting's best seed."""
    seeds = section.seeds()
    if not seeds or not section.has_item("horizon"):
        return
    summary = read_summary(str(section.runs.frame["path"].iloc[seeds[0]]))
    answer = Answer(anchor(section.task, "forecasting"), "Forecasts", ASKS)
    answer.pictures = pictures(
        ["by_step", "horizon"], Subject(section.runs, section.metric, row=seeds[0], summary=summary)
    )
    yield answer
