"""Tables of effects: a factor against its baseline, each two levels, equal cost."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from rnnsweep.report import stats
from rnnsweep.report.effects import DIFFERENT, Effect
from rnnsweep.report.equal_cost import at_equal
from rnnsweep.report.matched_runs import MatchedRuns
from rnnsweep.report.numbers import aligned, interval_of, p_value, plus, ratio, ratios, share, signed
from rnnsweep.report.pairs import FEW
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.runs import Factor, MetricColumn, Runs
from rnnsweep.report.table import Cell, Table, TableRow, anchor, estimate, measured, pairs_anchor

UNLIKE = "these runs were not all timed on one host with equal threads and kernels"
FINDINGS = {"clear": "clear", "differs": "differs, size open", "small": "differs, small", "same": "identical"}
FINDINGS |= {"constant": "the same each time", "undecided": "no difference shown", "equivalent": "equivalent"}
FINDINGS |= {"mixed": "mixed", "two": "two values", "single": "single run", "none": "no pair"}


EFFECT_COLUMNS = (
    *("finding", "settings × seeds", "better in", "Holm p", "diverged", "diverged last"),
    *("Δ parameters", "Δ time"),
)


def effect_table(runs: Runs, factor: Factor, effects: list[Effect], metric: MetricColumn, margin: float) -> Table:
    """What each level does against the baseline, from matched pairs alone."""
    columns = ("level", f"Δ {metric.name}", *EFFECT_COLUMNS)
    rows = [TableRow((Cell(effects[0].baseline), Cell("baseline", math.nan), *[Cell("·")] * len(EFFECT_COLUMNS)))]
    rows += [_effect_row(effect, metric, margin, f"#{pairs_anchor(runs, effect)}") for effect in effects]
    quiet = not any(effect.divergence.level or effect.divergence.baseline for effect in effects)
    table = Table(
        f"ablation-{anchor(runs.task, factor.key)}",
        f"Effect of {factor.label}",
        columns,
        tuple(rows),
        tuple(_effect_notes(runs, factor, effects, metric, quiet)),
        measured=measured(metric),
        elsewhere=("diverged last", "Δ time"),
    )
    return table.without("diverged", "diverged last") if quiet else table


def _effect_row(effect: Effect, metric: MetricColumn, margin: float, link: str) -> TableRow:
    diverged, (better, worse) = effect.divergence, effect.ranked
    few, many = effect.seeds
    state = effect.finding(margin)
    bold = state in DIFFERENT and effect.interval.mean * metric.sign < 0
    tested = effect.interval.known
    return TableRow(
        (
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
    )


def _effect_notes(
    runs: Runs, factor: Factor, effects: list[Effect], metric: MetricColumn, quiet: bool
) -> Iterator[str]:
    used = {int(row) for effect in effects for side in ("row", "base") for row in effect.pairs[side]}
    yield str(run_counts(runs, sorted(used), metric.name, "complete without a matched partner"))
    if factor.derived:
        yield f"Follow from {factor.key} and are not held equal: {', '.join(factor.derived)}."
    if factor.together:
        yield f"Moves together with {', '.join(factor.together)}: these runs cannot tell them apart."
    if max(effect.settings for effect in effects) < FEW:
        yield "Fewer than three settings: the intervals hold for these settings only."
    if quiet:
        yield "No run of a matched pair diverged."
    if not runs.timed_alike:
        yield "Δ time: only pairs that ran on one host, with equal threads and kernels."


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
