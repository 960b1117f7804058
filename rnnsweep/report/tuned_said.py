"""The sentences of the tuned comparison: what two arms reach, how sure that is, and what chose their settings."""

from collections.abc import Iterator, Sequence

from rnnsweep.report.arms import Arm
from rnnsweep.report.contests import Contest, Tuned
from rnnsweep.report.declared import plain_name
from rnnsweep.report.numbers import aligned, number, p_clause, plus, signed, with_unit


def sentences(of: Tuned) -> list[str]:
    """One for each comparison; those of the leader come first. The first one says how the settings were chosen."""
    leading = [contest for contest in of.contests if of.leader in (contest.arm, contest.other)]
    leading.sort(key=lambda contest: contest.arm is not of.leader)
    ordered = [*leading, *(contest for contest in of.contests if contest not in leading)]
    return [sentence(of, ordered[0]), *(brief(of, contest) for contest in ordered[1:])]


def sentence(of: Tuned, contest: Contest) -> str:
    """As in `Tuned over 3 learning rates each (chosen on validation, seeds 0–2), GRU reaches …`."""
    return (
        f"Tuned over {_effort(of, contest)} ({_chosen_on(of, contest)}), {_result(of, contest)}{_limits(of, contest)}."
    )


def brief(of: Tuned, contest: Contest) -> str:
    """The same, shorter: another sentence has already said how the settings were chosen."""
    status = f"confirmed on fresh {numbered('seed', contest.seeds)}" if contest.confirmed else "exploratory"
    return f"{_result(of, contest)}; {status}."


def _effort(of: Tuned, contest: Contest) -> str:
    design, counts = of.tuning.design, {_fewest(arm) for arm in (contest.arm, contest.other)}
    return f"{min(counts)} {design.effort} each" if of.tuning.equal else f"{min(counts)} of the {design.effort} each"


def _fewest(arm: Arm) -> int:
    return min(choice.configurations for choice in arm.choices.values())


def _chosen_on(of: Tuned, contest: Contest) -> str:
    seeds = {s for arm in (contest.arm, contest.other) for c in arm.choices.values() for s in c.chosen_on}
    return f"chosen {of.tuning.metric.where}, {numbered('seed', sorted(seeds))}"


def _result(of: Tuned, contest: Contest) -> str:
    arm, other, interval, metric = contest.arm.name, contest.other.name, contest.interval, of.metric
    if interval.mean * metric.sign > 0 and not contest.holds_zero:
        arm, other = other, arm  # the better one is what the sentence is about
    name = named_metric(metric.name)
    if not contest.values:
        return f"{arm} and {other} have no seed in common that finished: nothing can be said of their {name}"
    if not interval.known and not interval.flat:
        shown = with_unit(" and ".join(signed(value) for value in contest.values), metric)
        return f"{arm} less {other} is {shown} in {name}: too few seeds for an interval"
    way = "lower" if metric.lower else "higher"
    pairs = f"{len(contest.values)} {_units(contest)}"
    if interval.flat and interval.mean == 0:
        return f"{arm} and {other} have identical {name} in all {pairs}"
    if interval.flat:
        by = with_unit(number(abs(interval.mean)), metric)
        return f"{arm} has {by} {way} {name} than {other} in all {pairs}, without a spread"
    told = _judged(contest)
    if contest.holds_zero:
        mean, low, high = map(plus, aligned(interval.half, interval.mean, interval.low, interval.high))
        what = "is equivalent to" if contest.look and contest.look.verdict == "equivalent" else "is not told apart from"
        difference = f"{_level(contest)} of the difference {low} to {high} around {with_unit(mean, metric)}"
        return f"{arm} {what} {other} by {name}: {difference}, {pairs}{told}"
    flipped = interval.upward
    mean, low, high = aligned(flipped.half, flipped.mean, flipped.low, flipped.high)
    by = f"{with_unit(mean, metric)} {way} {name}"
    return f"{arm} reaches {by} than {other}, {_level(contest)} {low} to {high}, {pairs}{told}"


def _units(contest: Contest) -> str:
    return "paired seeds" if contest.unit == "seed" else f"levels of {contest.unit}"


def _level(contest: Contest) -> str:
    return f"{100 * (1 - contest.look.level):.4g}% interval" if contest.look else "95% interval"


def _judged(contest: Contest) -> str:
    if contest.look:
        return f", {p_clause(contest.look.p)} at a level of {contest.look.level:.4g}"
    if not contest.confirmed and contest.clear:
        return ""
    return f", Holm {p_clause(contest.adjusted)} of {contest.family}"


def _limits(of: Tuned, contest: Contest) -> str:
    """What a reader must know beside the numbers."""
    said = list(_mind(of, contest))
    return "; " + "; ".join(said) if said else ""


def _mind(of: Tuned, contest: Contest) -> Iterator[str]:
    one = of.tuning.design.one
    if contest.confirmed:
        yield f"confirmed on fresh {numbered('seed', contest.seeds)}"
    else:
        yield f"exploratory: these seeds chose the {one}s"
    if contest.spread:
        low, high = map(signed, contest.spread)
        yield f"mean over {len(contest.by_condition)} conditions, in which the difference goes from {low} to {high}"
    at_edge = [arm.name for arm in (contest.arm, contest.other) if arm.edges]
    if at_edge:
        whose = "both" if len(at_edge) == 2 else at_edge[0]
        yield f"the best {one} is at the edge of the grid for {whose}"
    for arm in (contest.arm, contest.other):
        if of.tuning.external[arm.rows].any():
            yield f"how {arm.name} was tuned is not known"
    if not of.tuning.equal and not contest.confirmed:
        yield "the arms had unequal numbers of configurations, so nothing is clear without fresh seeds"


def named_metric(name: str) -> str:
    """As in `test loss`, `validation accuracy`."""
    part = {"val": "validation ", "test": "test "}.get(name.partition("/")[0], "")
    return part + plain_name(name).replace("_", " ")


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
