"""The tuned comparison: the picture of its seeds, and how the differences vary between the fixed conditions."""

from collections.abc import Iterator

from rnnsweep.report.numbers import number, signed
from rnnsweep.report.pictures import pictures
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import Cell, Table, anchor, rows_of

RANK = -10

ASKS = "Which is best when each is tuned as well as the others?"


def answers(section: Section) -> Iterator[Answer]:
    """A figure; a table of the conditions where there are several. The comparison itself stands at the top."""
    if section.tuned is None:
        return
    answer = Answer(anchor(section.task, "tuned"), "Tuned comparison: seeds and conditions", ASKS)
    answer.pictures = pictures(
        ["tuned", "tuned_budget"], Subject(section.runs, section.tuned.metric, tuned=section.tuned)
    )
    answer.tables += [table] if (table := _conditions(section)) else []
    yield answer


def _conditions(section: Section) -> Table | None:
    """The difference of each arm under each condition; None where there is one condition."""
    tuned, rows = section.tuned, list[list[str | Cell]]()
    assert tuned is not None
    keys = tuned.tuning.design.conditions
    for comparison in tuned.comparisons:
        for condition, mean in comparison.by_condition.items():
            choice = comparison.arm.choices[condition]
            told = section.runs.describe(choice.setting, only=keys)
            best = section.runs.describe(choice.setting, [*keys, *(f.key for f in tuned.tuning.design.compared)])
            value = tuned.tuning.validation(choice).mean
            pair = f"{comparison.arm.name} less {comparison.other.name}"
            rows.append([told, pair, best, Cell(number(value), value), Cell(signed(mean), mean)])
    if len({told for told, *_ in rows}) < 2:
        return None
    columns = ("condition", "pair", "best setting", tuned.tuning.metric.name, f"Δ {tuned.metric.name}")
    note = "How a difference varies between the conditions is an interaction; the interval of its mean is over seeds."
    name, title = f"conditions-{anchor(section.task)}", "The tuned comparison under each condition"
    return Table(name, title, columns, rows_of(*rows), (note,))
