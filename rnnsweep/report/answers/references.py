"""The selected models beside the reference values of their task, such as a forecast that repeats the last value."""

from collections.abc import Iterator

from rnnsweep.report.leaderboard import mean_of
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.setting_ranks import LeaderboardEntry, ranked_entries
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import Table, anchor, rows_of

RANK = 15
ASKS = "Do the models beat simple methods, for which no network is trained?"


def answers(section: Section) -> Iterator[Answer]:
    """The test metrics of each cell's best setting, and the reference values in the records."""
    frame, declared = section.runs.frame, section.runs.declared
    tested = [str(name) for name in frame if str(name).startswith("test/") and frame[name].notna().any()]
    references = [name for name in tested if declared.reference(name)]
    metrics = [name for name in tested if declared.says(name)]
    found = _best_settings(section)
    if not references or not found:
        return
    lines = [(label, name, best) for label, best in found for name in metrics]
    lines += [("reference", name, found[0][1]) for name in references]
    rows = [(label, name.removeprefix("test/"), mean_of(section.runs, best, name)) for label, name, best in lines]
    note = f"Means over seeds with 95% t intervals, for the setting of each cell that is best {section.metric.where}."
    columns = ("model", "on the test", "value")
    table = Table(f"references-{anchor(section.task)}", "Models and references", columns, rows_of(*rows), (note,))
    yield Answer(anchor(section.task, "references"), "Beside simple methods", ASKS, tables=[table])


def _best_settings(section: Section) -> list[tuple[str, LeaderboardEntry]]:
    """The best setting of each cell, or the best of all if the cell does not vary."""
    cells = section.factor("cell")
    if cells is None:
        found = [("the selected setting", each) for each in ranked_entries(section.runs, section.metric)[:1]]
    else:
        of = Subject(section.runs, section.metric, cells)
        found = [(of.label(level), each) for level, each in of.best()]
    return [(label, each) for label, each in found if each.values]
