"""Tables of variance shares and of marginal means."""

import math
from typing import Any

import numpy as np

from rnnsweep.report import stats
from rnnsweep.report.anova import Anova
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.numbers import number, p_value
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.runs import Runs
from rnnsweep.report.table import Cell, Table, TableRow, anchor, level_cell


def variance_table(runs: Runs, found: Anova, metric: MetricColumn, used: Any) -> Table:
    """The analysis of variance as a table, the largest share first."""
    adjusted = stats.holm([source.p for source in found.sources])
    rows = [
        TableRow(
            (
                Cell(" × ".join(source.name) or found.rest),
                Cell(f"{source.share:.1%}" if source.known else "not estimable", source.share),
                Cell(number(source.squares, 4), source.squares),
                Cell(str(source.df), source.df),
                Cell(p_value(p), p),
            )
        )
        for source, p in sorted(
            zip(found.sources, adjusted, strict=True), key=lambda each: -each[0].share if each[0].known else 1
        )
    ]
    balanced = "balanced grid: exact decomposition" if found.kind == "exact" else "unbalanced: type II sums of squares"
    note = f"{balanced}; {found.coverage:.0%} of the grid's cells have runs."
    if found.kind != "exact":
        note += " Shares of type II need not sum to one."
    if not all(source.known for source in found.sources):
        note += " Not estimable: these runs cannot tell the effect from others."
    columns = ("source", f"share of the variance of {metric.name}", "sum of squares", "df", "Holm p")
    notes = (str(run_counts(runs, used, metric.name)), note)
    return Table(f"variance-{anchor(runs.task)}", "Where the variance comes from", columns, tuple(rows), notes)


def marginals_table(runs: Runs, metric: MetricColumn) -> Table:
    """The mean of all runs at each level. It is biased if the grid is unbalanced, so it stands in the appendix."""
    rows, values = [], runs.values(metric.name)
    for factor in runs.factors:
        for code, level in enumerate(factor.levels):
            at = factor.column == code
            found = values[at & np.isfinite(values)]
            diverged = int((runs.frame["state"][at] == "diverged").sum())
            mean = float(found.mean()) if len(found) else math.nan
            cells = (
                Cell(factor.key),
                level_cell(factor.key, level),
                Cell(number(mean), mean),
                Cell(str(len(found)), len(found)),
            )
            rows.append(TableRow((*cells, Cell(str(diverged), diverged))))
    note = "Not evidence: levels may also differ in other settings. No interval is given, and no sentence uses these."
    columns = ("factor", "level", f"marginal mean of {metric.name}", "runs", "diverged")
    notes = (note, f"Each factor: {run_counts(runs, np.flatnonzero(np.isfinite(values)), metric.name)}")
    return Table(f"marginals-{anchor(runs.task)}", "Marginal means (biased)", columns, tuple(rows), notes)
