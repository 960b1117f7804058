"""Tables of effects: a factor against its baseline, each two levels, equal cost, variance shares, marginals."""

import itertools
import math
from typing import Any

import numpy as np

from rnnsweep.report import stats
from rnnsweep.report.anova import Anova
from rnnsweep.report.effects import DIFFERENT, Effect
from rnnsweep.report.equal_cost import at_equal
from rnnsweep.report.matched_runs import MatchedRuns
from rnnsweep.report.numbers import aligned, interval_of, number, p_value, plus, ratio, ratios, share, signed
from rnnsweep.report.pairs import FEW
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.runs import Factor, MetricColumn, Runs
from rnnsweep.report.table import Cell, Table, TableRow, anchor, estimate, measured, pairs_anchor

UNLIKE = "these runs were not all timed on one host with equal threads and kernels"
FINDINGS = {"clear": "clear", "differs": "differs, size open", "small": "differs, small", "same": "identical"}
FINDINGS |= {"constant": "the same each time", "undecided": "no difference shown", "equivalent": "equivalent"}
FINDINGS |= {"mixed": "mixed", "two": "two values", "single": "single run", "none": "no pair"}


def effect_table(runs: Runs, factor: Factor, effects: list[Effect], metric: MetricColumn, margin: float) -> Table:
    """What each level does against the baseline, from matched pairs alone."""
    columns: tuple[str, ...] = (
        "level",
        f"Δ {metric.name}",
        "finding",
        "settings × seeds",
        "better in",
        "Holm p",
        "diverged",
        "diverged last",
    )
    columns += ("Δ parameters", "Δ time")
    baseline = effects[0].baseline
    rows = [TableRow((Cell(baseline), Cell("baseline", math.nan), *[Cell("·")] * 8))]
    for effect in effects:
        link = f"#{pairs_anchor(runs, effect)}"
        diverged, (better, worse) = effect.divergence, effect.ranked
        few, many = effect.seeds
        state = effect.finding(margin)
        bold = state in DIFFERENT and effect.interval.mean * metric.sign < 0
        tested = effect.interval.known
        cells = (
            Cell(effect.level, bold=bold),
            Cell(difference(effect), estimate(effect.interval), link, bold),
            Cell(FINDINGS[state] + (", divergence differs" if diverged.differs else "")),
            Cell(f"{effect.settings} × {few if few == many else f'{few}–{many}'}", effect.settings, link),
            Cell(f"{effect.better} of {len(effect.values)} {effect.unit}s", effect.better, link),
            Cell(f"{p_value(effect.adjusted)} (of {effect.family})" if tested else "—", effect.adjusted, link),
            Cell(f"{share(diverged.level, diverged.pairs)} against {diverged.baseline}", diverged.level, link),
            Cell(f"better in {better}, worse in {worse}", better, link),
            Cell(ratio(effect.parameters), effect.parameters, link),
            Cell(ratios(effect.seconds), {name: math.exp(v) for name, v in _ends(effect.seconds).items()}, link),
        )
        rows.append(TableRow(cells))
    used = {int(row) for effect in effects for side in ("row", "base") for row in effect.pairs[side]}
    notes = [str(run_counts(runs, sorted(used), metric.name, "complete without a matched partner"))]
    if factor.derived:
        notes.append(f"Follow from {factor.key} and are not held equal: {', '.join(factor.derived)}.")
    if factor.together:
        notes.append(f"Moves together with {', '.join(factor.together)}: these runs cannot tell them apart.")
    few_settings = max(effect.settings for effect in effects) < FEW
    notes.append("Fewer than three settings: the intervals hold for these settings only." if few_settings else "")
    quiet = not any(effect.divergence.level or effect.divergence.baseline for effect in effects)
    notes.append("No run of a matched pair diverged." if quiet else "")
    notes.append("" if runs.timed_alike else "Δ time: only pairs that ran on one host, with equal threads and kernels.")
    name = f"ablation-{anchor(runs.task, factor.key)}"
    title, said = f"Effect of {factor.label}", measured(metric)
    aside = ("diverged last", "Δ time")
    kept = tuple(note for note in notes if note)
    table = Table(name, title, columns, tuple(rows), kept, measured=said, elsewhere=aside)
    return table.without("diverged", "diverged last") if quiet else table


def _ends(interval: stats.Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def difference(effect: Effect) -> str:
    """Δ with its interval; of two both values; of one the value, said to be one."""
    if effect.interval.known:
        mean, ends = interval_of(effect.interval)
        return f"{plus(mean)} {ends}"
    if effect.interval.flat:
        return f"{signed(effect.interval.mean)} in all {len(effect.values)} {effect.unit}s"
    if len(effect.values) == 2:
        return " and ".join(signed(value) for value in effect.values)
    return f"{signed(effect.values[0])} (single)" if effect.values else "—"


def pairwise_table(runs: Runs, factor: Factor, known: list[Effect], metric: MetricColumn, margin: float) -> Table:
    """Each two levels against each other: row less column; with a p where the table of the factor has one, the same."""
    comparison, tested = MatchedRuns(runs, factor, metric), {(e.level, e.baseline): e for e in known}
    effects = {
        (b, a): tested.get((b, a)) or tested.get((a, b)) or comparison.effect(b, a)
        for a, b in itertools.combinations(factor.levels, 2)
    }
    rows, used = [], set[int]()
    for a in factor.levels:
        cells = [Cell(a)]
        for b in factor.levels:
            effect = effects.get((a, b)) or effects.get((b, a))
            if effect is None or not effect.values:
                cells.append(Cell("·" if a == b else "—", math.nan))
                continue
            used |= {int(row) for side in ("row", "base") for row in effect.pairs[side]}
            mean = effect.interval.mean if effect.level == a else -effect.interval.mean
            clear = effect.finding(margin) in DIFFERENT
            shown = plus(aligned(effect.interval.half, mean)[0])
            text = f"{shown} ({p_value(effect.adjusted)})" if effect.family else shown
            cells.append(Cell(text, mean, bold=clear and mean * metric.sign < 0))
        rows.append(TableRow(tuple(cells)))
    baseline, family = known[0].baseline, max(effect.family for effect in known)
    note = (
        f"Row less column. In brackets, for pairs with {baseline}: Holm p over all {family} effects of this task; "
        "bold where the row is clearly better. The other pairs are not tested."
    )
    notes = (str(run_counts(runs, sorted(used), metric.name, "complete without a matched partner")), note)
    return Table(
        f"pairwise-{anchor(runs.task, factor.key)}",
        f"Pairwise: {factor.label}",
        ("", *factor.levels),
        tuple(rows),
        notes,
        measured=measured(metric, "Holm p"),
    )


def equal_cost_table(runs: Runs, factor: Factor, along: Factor, effects: list[Effect], metric: MetricColumn) -> Table:
    """The effect at equal size, at equal parameters and at equal time, side by side; one family of tests each."""
    views = {"parameters": "at equal parameters"} | ({"seconds": "at equal time"} if runs.timed_alike else {})
    rows = [[Cell(e.level), Cell(difference(e), estimate(e.interval), f"#{pairs_anchor(runs, e)}")] for e in effects]
    for cost in views:
        found = [at_equal(runs, factor, along, cost, metric, e.level, e.baseline) for e in effects]
        intervals = [stats.t_interval(values, least=FEW) for values, _ in found]
        adjusted = stats.holm([interval.p for interval in intervals])
        for row, interval, (values, unit), p in zip(rows, intervals, found, adjusted, strict=True):
            row.append(_at_equal(interval, tuple(values), unit, p))
    note = (
        f"Against {effects[0].baseline}. At equal cost: the baseline's {metric.name} interpolated along {along.key}, "
    )
    note += "linear in the log of the cost, where the ranges overlap. "
    note += "Time is a run's share of its stack's." if runs.timed_alike else f"No time: {UNLIKE}."
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


def _at_equal(interval: stats.Interval, values: tuple[float, ...], unit: str, p: float) -> Cell:
    if not values:
        return Cell("no overlap", math.nan)
    if interval.flat:
        return Cell(f"{signed(interval.mean)} in all {interval.n} {unit}s", estimate(interval))
    if not interval.known:
        return Cell(" and ".join(signed(value) for value in values), estimate(interval))
    mean, ends = interval_of(interval)
    text = f"{plus(mean)} {ends}, p {p_value(p)}, {interval.n} {unit}s"
    return Cell(text, estimate(interval), bold=p < stats.ALPHA)


def variance_table(runs: Runs, found: Anova, metric: MetricColumn, used: Any) -> Table:
    """Where the variance comes from."""
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
        note += " Not estimable: these runs cannot tell the factor from the others."
    columns = ("source", f"share of the variance of {metric.name}", "sum of squares", "df", "Holm p")
    notes = (str(run_counts(runs, used, metric.name)), note)
    return Table(f"variance-{anchor(runs.task)}", "Where the variance comes from", columns, tuple(rows), notes)


def marginals_table(runs: Runs, metric: MetricColumn) -> Table:
    """Means over whatever runs there are at each level: biased where the grid is unbalanced, hence the appendix."""
    rows, values = [], runs.values(metric.name)
    for factor in runs.factors:
        for code, level in enumerate(factor.levels):
            at = factor.column == code
            found = values[at & np.isfinite(values)]
            diverged = int((runs.frame["state"][at] == "diverged").sum())
            mean = float(found.mean()) if len(found) else math.nan
            cells = (Cell(factor.key), Cell(level), Cell(number(mean), mean), Cell(str(len(found)), len(found)))
            rows.append(TableRow((*cells, Cell(str(diverged), diverged))))
    note = (
        "Not evidence: levels may differ in everything else as well. No interval is given, and no sentence uses these."
    )
    columns = ("factor", "level", f"marginal mean of {metric.name}", "runs", "diverged")
    notes = (note, f"Each factor: {run_counts(runs, np.flatnonzero(np.isfinite(values)), metric.name)}")
    return Table(f"marginals-{anchor(runs.task)}", "Marginal means (biased)", columns, tuple(rows), notes)
