"""Tables of effects: each level against the baseline, and each pair of levels."""

import itertools
import math
from collections.abc import Iterator

from rnnsweep.errors import many
from rnnsweep.report import stats
from rnnsweep.report.effects import DIFFERENT, Effect
from rnnsweep.report.factor import Factor
from rnnsweep.report.matched_runs import MatchedRuns
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.numbers import aligned, interval_of, p_value, plus, ratio, ratios, share, signed
from rnnsweep.report.pairs import FEW
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_labels import short_name
from rnnsweep.report.table import Cell, Table, TableRow, anchor, estimate, level_cell, measured, pairs_anchor

FINDINGS = {"clear": "clear", "differs": "differs, size open", "small": "differs, small", "same": "identical"}
FINDINGS |= {"constant": "equal in all pairs", "undecided": "no difference shown", "equivalent": "equivalent"}
FINDINGS |= {"mixed": "mixed", "two": "two values", "single": "one value", "none": "no pair"}


OWN = Cell("·", math.nan)
"""A level against itself."""

EFFECT_COLUMNS = (
    *("finding", "settings × seeds", "better in", "Holm p", "diverged", "diverged last"),
    *("Δ parameters", "Δ time"),
)


def effect_table(runs: Runs, factor: Factor, effects: list[Effect], metric: MetricColumn, margin: float) -> Table:
    """The effect of each level against the baseline, from matched pairs only."""
    columns = ("level", f"Δ {metric.name}", *EFFECT_COLUMNS)
    rows = [
        TableRow(
            (
                level_cell(factor.key, effects[0].baseline),
                Cell("baseline", math.nan),
                *[Cell("·")] * len(EFFECT_COLUMNS),
            )
        )
    ]
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
    few, most = effect.seeds
    state = effect.finding(margin)
    bold = state in DIFFERENT and effect.interval.mean * metric.sign < 0
    tested = effect.interval.known
    return TableRow(
        (
            level_cell(effect.factor, effect.level, bold),
            Cell(effect_text(effect), estimate(effect.interval), link, bold),
            Cell(FINDINGS[state] + (", divergence differs" if diverged.differs else "")),
            Cell(f"{effect.settings} × {few if few == most else f'{few}–{most}'}", effect.settings, link),
            Cell(f"{effect.better} of {many(len(effect.values), effect.unit)}", effect.better, link),
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
        yield f"Depend on {factor.key} and are not held equal: {', '.join(factor.derived)}."
    if factor.together:
        yield f"Always changes together with {', '.join(factor.together)}: these runs cannot tell them apart."
    if max(effect.settings for effect in effects) < FEW and any(effect.interval.known for effect in effects):
        yield "Fewer than three settings: the intervals hold for these settings only."
    if not quiet:
        yield "diverged: the share of the level's matched runs that diverged, against the number of the baseline's."
        ranked = f"{effects[0].ranked_unit}s"
        yield f"diverged last: in how many {ranked} the level is better or worse if a diverged run ranks last."
    if quiet and any(effect.divergence.pairs for effect in effects):
        yield "No run of a matched pair diverged."
    if not runs.timed_alike:
        yield "Δ time: only from pairs that ran on one host with equal threads and kernels."


def _ends(interval: stats.Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def effect_text(effect: Effect) -> str:
    """A difference as text: with its interval if there are three values or more, else all its values."""
    if effect.interval.known:
        mean, ends = interval_of(effect.interval)
        return f"{plus(mean)} {ends}"
    if effect.interval.flat:
        return f"{signed(effect.interval.mean)} in all {len(effect.values)} {effect.unit}s"
    if len(effect.values) == 2:
        return " and ".join(signed(value) for value in effect.values)
    return f"{signed(effect.values[0])} (single)" if effect.values else "—"


def pairwise_table(runs: Runs, factor: Factor, known: list[Effect], metric: MetricColumn, margin: float) -> Table:
    """A matrix of the differences between each pair of levels, row minus column.

    Args:
        runs: The runs of the task.
        factor: The factor.
        known: Its effects against the baseline. Only these pairs have a p.
        metric: The metric.
        margin: The margin below which a difference is small.
    """
    comparison, tested = MatchedRuns(runs, factor, metric), {(e.level, e.baseline): e for e in known}
    effects = {
        (b, a): tested.get((b, a)) or tested.get((a, b)) or comparison.effect(b, a)
        for a, b in itertools.combinations(factor.levels, 2)
    }
    both = effects | {(a, b): effect for (b, a), effect in effects.items()}
    levels = factor.levels
    rows = [
        TableRow(
            (
                level_cell(factor.key, a),
                *(_pairwise_cell(a, both.get((a, b)), metric, margin) if a != b else OWN for b in levels),
            )
        )
        for a in levels
    ]
    used = {int(row) for effect in effects.values() for side in ("row", "base") for row in effect.pairs[side]}
    baseline, family = short_name(factor.key, known[0].baseline), max(effect.family for effect in known)
    note = (
        f"Row minus column. In brackets, for pairs with {baseline}: Holm p over {many(family, 'tested effect')} of "
        "this task. Bold: the row is clearly better. The other pairs are not tested."
    )
    note = note if family else "Row minus column. No pair is tested."
    notes = (str(run_counts(runs, sorted(used), metric.name, "complete without a matched partner")), note)
    return Table(
        f"pairwise-{anchor(runs.task, factor.key)}",
        f"Pairwise: {factor.label}",
        ("", *factor.levels),
        tuple(rows),
        notes,
        measured=measured(metric, "Holm p"),
        headings={level: short_name(factor.key, level) for level in factor.levels},
    )


def _pairwise_cell(level: str, effect: Effect | None, metric: MetricColumn, margin: float) -> Cell:
    """The difference of a level from another, with Holm's p if it is tested."""
    if effect is None or not effect.values:
        return Cell("—", math.nan)
    mean = effect.interval.mean if effect.level == level else -effect.interval.mean
    clear = effect.finding(margin) in DIFFERENT
    shown = plus(aligned(effect.interval.half, mean)[0])
    text = f"{shown} ({p_value(effect.adjusted)})" if effect.family else shown
    return Cell(text, mean, bold=clear and mean * metric.sign < 0)
