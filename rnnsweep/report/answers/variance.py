"""Where the variance comes from: an analysis of variance on grids, Optuna's fANOVA on random searches."""

from collections.abc import Iterator

import numpy as np

from rnnsweep.errors import many
from rnnsweep.report import stats, table, variance_tables
from rnnsweep.report.anova import anova
from rnnsweep.report.fanova import importance
from rnnsweep.report.pictures import pictures
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import Table, anchor

RANK = 60

LEVELS = 12  # most levels of a factor that has a share
MIXED = "These runs mix a search with a grid, so no shares are computed. Write a report for each study."


def answers(section: Section) -> Iterator[Answer]:
    """One answer; its method depends on whether the runs are a grid or a search."""
    asks = "Which settings matter most over this grid?"
    answer = Answer(anchor(section.task, "variance"), "Where the variance comes from", asks)
    if section.runs.mixed:
        answer.sentences.append(MIXED)
    elif section.runs.searched:
        _forest(section, answer)
    else:
        _grid(section, answer)
    yield answer


def _grid(section: Section, answer: Answer) -> None:
    runs, metric = section.runs, section.metric
    values = runs.values(metric.name)
    usable = [factor for factor in section.factors if 2 <= len(factor.levels) <= LEVELS]
    inside = np.isfinite(values)
    for factor in usable:
        inside &= factor.column >= 0
    if not usable or not inside.any() or stats.alike(values[inside]):
        return
    found = anova({f.key: f.column[inside] for f in usable}, values[inside])
    if found is None:
        apart = f"{len(usable)} factors apart" if len(usable) > 1 else f"the effect of {usable[0].key} from chance"
        count = int(inside.sum())
        told = f"{many(count, 'run', 'is', 'are')} too few to tell {apart}"
        answer.sentences.append(f"The shares of the variance are not estimable: {told}.")
        return
    if lost := runs.counts()["diverged"]:
        lacking = f"{many(lost, 'diverged run', 'has', 'have')} no value"
        answer.sentences.append(f"{lacking}: these shares leave diverged runs out and say nothing about divergence.")
    answer.tables.append(variance_tables.variance_table(runs, found, metric, np.flatnonzero(inside)))
    answer.pictures += pictures(["variance"], Subject(runs, metric, anova=found))


def _forest(section: Section, answer: Answer) -> None:
    shares, problem = importance(section.runs, section.metric)
    if problem:
        answer.sentences.append(problem)
    elif shares:
        rows = table.rows_of(*[(key, table.Cell(f"{value:.1%}", value)) for key, value in shares.items()])
        done = np.flatnonzero(np.isfinite(section.runs.values(section.metric.name)))
        note = str(run_counts(section.runs, done, section.metric.name))
        title = "fANOVA by a random forest (Optuna), over the settings that a random search drew"
        answer.tables.append(Table(f"fanova-{anchor(section.task)}", title, ("setting", "share"), rows, (note,)))
