"""The table of effects at equal size, at equal parameters and at equal time."""

import math

import numpy as np

from rnnsweep.report import stats
from rnnsweep.report.effect_tables import effect_text
from rnnsweep.report.effects import Effect
from rnnsweep.report.equal_cost import at_equal
from rnnsweep.report.factor import Factor
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.numbers import interval_of, p_value, plus, signed
from rnnsweep.report.pairs import FEW
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_labels import short_name
from rnnsweep.report.table import Cell, Table, TableRow, anchor, estimate, level_cell, measured, pairs_anchor

UNLIKE = "these runs were not all timed on one host with equal threads and kernels"


def equal_cost_table(runs: Runs, factor: Factor, along: Factor, effects: list[Effect], metric: MetricColumn) -> Table:
    """The effects at equal size, at equal parameters and at equal time; each column is one family of tests.

    Args:
        runs: The runs of the task.
        factor: The factor.
        along: The size that varies beside it, such as `cell.hidden_size`.
        effects: The effects of the factor against its baseline.
        metric: The metric.
    """
    views = {"parameters": "at equal parameters"} | ({"seconds": "at equal time"} if runs.timed_alike else {})
    rows = [
        [
            level_cell(factor.key, e.level),
            Cell(effect_text(e), estimate(e.interval), f"#{pairs_anchor(runs, e)}"),
        ]
        for e in effects
    ]
    for cost in views:
        found = [at_equal(runs, factor, along, cost, metric, e.level, e.baseline) for e in effects]
        intervals = [stats.t_interval(values, least=FEW) for values, _ in found]
        adjusted = stats.holm([interval.p for interval in intervals])
        for row, interval, (values, unit), p in zip(rows, intervals, found, adjusted, strict=True):
            better = p < stats.ALPHA and interval.mean * metric.sign < 0
            row.append(_at_equal(interval, tuple(values), unit, p, better))
    baseline = short_name(factor.key, effects[0].baseline)
    note = (
        f"Against {baseline}. At equal cost, its {metric.words} is interpolated along {along.key}, linearly "
        "in the log of the cost. Levels are compared only where their ranges of cost overlap. "
    )
    note += "Time: a run's share of its stack's time." if runs.timed_alike else f"Time is left out: {UNLIKE}."
    columns = ("level", f"at equal {along.key}", *views.values())
    used = np.flatnonzero(np.isfinite(runs.values(metric.name)) & (factor.column >= 0) & (along.column >= 0))
    notes = (str(run_counts(runs, used, metric.name)), note)
    rows_ = tuple(TableRow(tuple(row)) for row in rows)
    return Table(
        f"equal-{anchor(runs.task, factor.key)}",
        f"{factor.key} at equal cost",
        columns,
        rows_,
        notes,
        measured=measured(metric),
    )


def _at_equal(interval: stats.Interval, values: tuple[float, ...], unit: str, p: float, better: bool) -> Cell:
    if not values:
        return Cell("no overlap", math.nan)
    if interval.flat:
        return Cell(f"{signed(interval.mean)} in all {interval.n} {unit}s", estimate(interval))
    if not interval.known:
        return Cell(" and ".join(signed(value) for value in values), estimate(interval))
    mean, ends = interval_of(interval)
    text = f"{plus(mean)} {ends}, p {p_value(p)}, {interval.n} {unit}s"
    return Cell(text, estimate(interval), bold=better)
