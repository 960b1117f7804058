"""The sentences of the tuned comparison: the difference of two arms, how sure it is, and how they were tuned."""

from collections.abc import Iterator, Sequence

import numpy as np

from rnnsweep.record.data_sets import differ
from rnnsweep.report import evaluated
from rnnsweep.report.numbers import aligned, number, p_clause, plus, signed, with_unit
from rnnsweep.report.tuned_arm import TunedArm
from rnnsweep.report.tuned_comparison import ArmComparison, TunedComparison


def sentences(of: TunedComparison) -> list[str]:
    """A sentence for each comparison, the leader's first. The first sentence says how the settings were chosen."""
    leading = [comparison for comparison in of.comparisons if of.leader in (comparison.arm, comparison.other)]
    leading.sort(key=lambda comparison: comparison.arm is not of.leader)
    ordered = [*leading, *(comparison for comparison in of.comparisons if comparison not in leading)]
    return [sentence(of, ordered[0]), *(brief(of, comparison) for comparison in ordered[1:])]


def sentence(of: TunedComparison, comparison: ArmComparison) -> str:
    """As in `Tuned over 3 learning rates each (chosen on validation, seeds 0–2), GRU reaches …`."""
    how = f"Tuned over {_effort(of, comparison)} ({_chosen_on(of, comparison)})"
    return f"{how}, {_result(of, comparison)}{_limits(of, comparison)}."


def brief(of: TunedComparison, comparison: ArmComparison) -> str:
    """A shorter sentence, after another one that says how the settings were chosen."""
    status = _fresh(comparison) if comparison.confirmed else "exploratory"
    return f"{_result(of, comparison)}; {status}."


def _fresh(comparison: ArmComparison) -> str:
    """As in `confirmed on fresh seeds 0–2`."""
    return f"{'' if comparison.lacks_seeds else 'confirmed '}on fresh {numbered('seed', comparison.seeds)}"


def _effort(of: TunedComparison, comparison: ArmComparison) -> str:
    design, counts = of.tuning.design, {_fewest(arm) for arm in (comparison.arm, comparison.other)}
    return f"{min(counts)} {design.effort} each" if of.tuning.equal else f"{min(counts)} of the {design.effort} each"


def _fewest(arm: TunedArm) -> int:
    return min(choice.configurations for choice in arm.choices.values())


def _chosen_on(of: TunedComparison, comparison: ArmComparison) -> str:
    seeds = {s for arm in (comparison.arm, comparison.other) for c in arm.choices.values() for s in c.chosen_on}
    return f"chosen {of.tuning.metric.where}, {numbered('seed', sorted(seeds))}"


def _result(of: TunedComparison, comparison: ArmComparison) -> str:
    arm, other, interval, metric = comparison.arm.name, comparison.other.name, comparison.interval, of.metric
    if interval.mean * metric.sign > 0 and not comparison.holds_zero:
        arm, other = other, arm  # the better arm is the subject of the sentence
    name = metric.words
    if not comparison.values:
        return f"{arm} and {other} have no finished seed in common: nothing is known of the difference in {name}"
    if not interval.known and not interval.flat:
        shown = with_unit(" and ".join(signed(value) for value in comparison.values), metric)
        return f"{arm} minus {other} is {shown} in {name} ({_few(comparison)} for an interval)"
    way = "lower" if metric.lower else "higher"
    pairs = f"{len(comparison.values)} {_units(comparison)}"
    if interval.flat and interval.mean == 0:
        return f"{arm} and {other} have identical {name} in all {pairs}"
    if interval.flat:
        by = with_unit(number(abs(interval.mean)), metric)
        return f"{arm} has {by} {way} {name} than {other} in all {pairs}; equal differences have no interval"
    told = _judged(comparison)
    if comparison.holds_zero:
        mean, low, high = map(plus, aligned(interval.half, interval.mean, interval.low, interval.high))
        what = (
            "is equivalent to"
            if comparison.look and comparison.look.verdict == "equivalent"
            else "is not shown to differ from"
        )
        difference = f"difference {with_unit(mean, metric)}, {_level(comparison)} {low} to {high}"
        return f"{arm} {what} {other} in {name}: {difference}, {pairs}{told}"
    flipped = interval.upward
    mean, low, high = aligned(flipped.half, flipped.mean, flipped.low, flipped.high)
    by = f"{with_unit(mean, metric)} {way} {name}"
    return f"{arm} reaches {by} than {other}, {_level(comparison)} {low} to {high}, {pairs}{told}"


def _few(comparison: ArmComparison) -> str:
    """As in `seeds 0, 1; two are too few`."""
    which = numbered("seed", comparison.seeds) if comparison.unit == "seed" else _units(comparison)
    return f"{which}; {'one is' if len(comparison.values) == 1 else 'two are'} too few"


def _units(comparison: ArmComparison) -> str:
    return "paired seeds" if comparison.unit == "seed" else f"levels of {comparison.unit}"


def _level(comparison: ArmComparison) -> str:
    return f"{100 * (1 - comparison.look.level):.4g}% interval" if comparison.look else "95% interval"


def _judged(comparison: ArmComparison) -> str:
    if comparison.lacks_seeds:
        return ", no test: it would leave out the fresh seeds that diverged"
    if comparison.look:
        return f", {p_clause(comparison.look.p)} at a level of {comparison.look.level:.4g}"
    if not comparison.confirmed and comparison.clear:
        return ""
    return f", Holm {p_clause(comparison.adjusted)} of {comparison.family}"


def _limits(of: TunedComparison, comparison: ArmComparison) -> str:
    """The limits of the result, as the end of the sentence."""
    said = list(_mind(of, comparison))
    return "; " + "; ".join(said) if said else ""


def _mind(of: TunedComparison, comparison: ArmComparison) -> Iterator[str]:
    one = of.tuning.design.one
    if comparison.confirmed:
        yield _fresh(comparison)
    else:
        yield f"exploratory: these seeds chose the {one}s"
    if comparison.spread:
        low, high = map(signed, comparison.spread)
        yield f"mean over {len(comparison.by_condition)} conditions; their differences range from {low} to {high}"
    at_edge = [arm.name for arm in (comparison.arm, comparison.other) if arm.edges]
    if at_edge:
        whose = "both" if len(at_edge) == 2 else at_edge[0]
        yield f"the best {one} is at the edge of the grid for {whose}"
    for arm in (comparison.arm, comparison.other):
        if of.tuning.external[arm.rows].any():
            yield f"the tuning of {arm.name} is not known"
    if not _alike(of, comparison):
        yield f"not all of these settings are comparable: they were {evaluated.SAID}"
    if not of.tuning.equal and not comparison.confirmed:
        yield "the arms had unequal numbers of configurations, so only fresh seeds can confirm a difference"


def _alike(of: TunedComparison, comparison: ArmComparison) -> bool:
    """Whether all settings of both arms were evaluated on the same under each condition, as far as it is known."""
    on, condition = of.runs.evaluated_on, of.tuning.condition
    rows = np.concatenate([comparison.arm.rows, comparison.other.rows])
    parts = (rows[condition[rows] == each] for each in np.unique(condition[rows]))
    return not any(differ(on[part]) for part in parts)


def numbered(what: str, numbers: Sequence[float]) -> str:
    """As in `seed 3`, `seeds 0–2, 7`."""
    found: list[list[int]] = []
    for n in map(int, numbers):
        if found and n == found[-1][-1] + 1:
            found[-1].append(n)
        else:
            found.append([n])
    parts = [f"{each[0]}–{each[-1]}" if len(each) > 2 else ", ".join(map(str, each)) for each in found]
    return f"{what}{'s' * (len(numbers) != 1)} {', '.join(parts)}"
