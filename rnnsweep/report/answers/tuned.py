"""The tuned comparison: figures of its seeds and its budget, and the differences under each fixed condition."""

from collections.abc import Iterator

from rnnsweep.report.numbers import number, signed
from rnnsweep.report.pictures import pictures
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import Cell, Table, anchor, rows_of

RANK = -10

ASKS = "Which is best when each is tuned as well as the others?"


def answers(section: Section) -> Iterator[Answer]:
    """The figures, and a table if there are several conditions. The comparison itself is at the top of the report."""
    if section.tuned is None:
        return
    answer = Answer(anchor(section.task, "tuned"), "Tuned comparison: seeds and conditions", ASKS)
    answer.pictures = pictures(
        ["tuned", "tuned_budget"], Subject(section.runs, section.tuned.metric, tuned=section.tuned)
    )
    answer.tables += [table] if (table := _conditions(section)) else []
    yield answer


def _conditions(section: Section) -> Table | None:
    """The difference of each arm under each condition; None if there is only one condition."""
    tuned, rows = section.tuned, list[list[str | Cell]]()
    assert tuned is not None
    keys = tuned.tuning.design.conditions
    for comparison in tuned.comparisons:
        for condition, mean in comparison.by_condition.items():
            choice = comparison.arm.choices[condition]
            told = section.runs.settings.describe(choice.setting, only=keys)
            best = section.runs.settings.describe(
                choice.setting, [*keys, *(f.key for f in tuned.tuning.design.compared)]
            )
            value = tuned.tuning.validation(choice).mean
            pair = f"{comparison.arm.name} minus {comparison.other.name}"
            rows.append([told, pair, best, Cell(number(value), value), Cell(signed(mean), mean)])
    if len({told for told, *_ in rows}) < 2:
        return None
    columns = ("condition", "pair", "best setting", tuned.tuning.metric.name, f"Δ {tuned.metric.name}")
    note = "A difference that varies between conditions is an interaction. The interval of the mean is over seeds."
    name, title = f"conditions-{anchor(section.task)}", "The tuned comparison under each condition"
    return Table(name, title, columns, rows_of(*rows), (note,))
