"""Sentences about effects. They never say more than the numbers show."""

from rnnsweep.errors import many
from rnnsweep.report import evaluated, stats
from rnnsweep.report.effects import DIFFERENT, Effect
from rnnsweep.report.factor import Factor
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.numbers import interval_of, number, p_clause, plus, share, signed, with_unit
from rnnsweep.report.setting_labels import level_name


def effect_sentence(effect: Effect, metric: MetricColumn, margin: float) -> str:
    """The sentences about one effect.

    Diverged runs come first, because the difference leaves them out.

    Args:
        effect: The effect of one level against another.
        metric: The metric that it is measured by.
        margin: The margin below which a difference is small.
    """
    level, baseline = level_name(effect.factor, effect.level), level_name(effect.factor, effect.baseline)
    said = [
        _divergence_sentence(effect, level, baseline),
        _difference_sentence(effect, level, baseline, metric, margin),
        "" if effect.alike else f"They were {evaluated.SAID}, so a difference may come from these.",
    ]
    return " ".join(part for part in said if part)


def _divergence_sentence(effect: Effect, level: str, baseline: str) -> str:
    found = effect.divergence
    if found.level == found.baseline == 0:
        return ""
    alone = found.unit == "seed" and found.units == found.pairs  # the seeds of one setting are independent
    if found.differs or found.more:
        rates = f"{level} diverged in {share(found.level, found.pairs, alone)} of the matched runs"
        rates += f", {baseline} in {share(found.baseline, found.pairs, alone)}"
        rates += (
            f"; {level} more often in {found.more} and less often in {found.less} of {many(found.units, found.unit)}"
        )
    else:
        rates = f"{found.level} of {found.pairs} matched runs diverged on each side"
    if found.differs and found.p is not None:
        rates += f" (sign test {p_clause(found.p)})"
    better, worse = effect.ranked
    if better + worse == 0:
        return f"{rates}."
    ahead, won = (level, better) if better >= worse else (baseline, worse)
    tested = stats.sign_test(better, worse)
    p = f" (sign test {p_clause(tested)})" if tested is not None else ""
    decided = many(better + worse, f"decided {effect.ranked_unit}")
    return f"{rates}; if a diverged run ranks last, {ahead} is better in {won} of {decided}{p}."


def _difference_sentence(effect: Effect, level: str, baseline: str, metric: MetricColumn, margin: float) -> str:
    state, mean = effect.finding(margin), effect.interval.mean
    among = "Where both finished: " if effect.divergence.level or effect.divergence.baseline else ""
    if state == "none":
        names = f"{level} and {baseline}"
        told = f"None of the {effect.planned} matched pairs of {names} has finished"
        few = {0: f"There is no matched pair of {names}", 1: f"The one matched pair of {names} has not finished"}
        return f"{few.get(effect.planned, told)}: nothing is known of the difference."
    if state == "single":
        value = with_unit(signed(mean), metric)
        one = "single run" if effect.settings == 1 else f"one seed, mean over {effect.settings} settings"
        return f"{among}{level} against {baseline}: Δ = {value}; {one}: no evidence of a difference."
    if state == "two":
        both = with_unit(" and ".join(signed(value) for value in effect.values), metric)
        return f"{among}{level} against {baseline}: Δ = {both} (both {effect.unit}s; two are too few for an interval)."
    if state in ("same", "constant"):
        return f"{among}{_each_time(effect, level, baseline, metric)}."
    ahead = mean * metric.sign < 0
    if state in DIFFERENT:
        first, second = (level, baseline) if ahead else (baseline, level)
        won = effect.better if ahead else effect.worse
        size, ends = interval_of(effect.interval.upward)
        how = f" by less than {number(margin)}:" if state == "small" else " by"
        by = f"{first} beats {second}{how} {with_unit(size, metric)} {ends}"
        open_ = f"; may be below {number(margin)}" if state == "differs" else ""
        told = f"{basis(effect)}; better in {won} of {len(effect.values)}; Holm {p_clause(effect.adjusted)}{open_}"
        return f"{among}{by} ({told})."
    shown, ends = interval_of(effect.interval)
    inside = f"Δ = {with_unit(plus(shown), metric)} {ends}"
    pair = f"{level} against {baseline}"
    if state == "mixed":
        return (
            f"{among}{pair} is mixed: clearly better in some settings and clearly worse in others "
            f"(better in {effect.better}, worse in {effect.worse} of {len(effect.values)}; mean {inside}, "
            f"{basis(effect)})."
        )
    if state == "equivalent" and not effect.divergence.differs:
        return f"{among}{pair}: equivalent within ±{number(margin)}: {inside} ({basis(effect)})."
    p = f"; Holm {p_clause(effect.adjusted)}"
    shown = "no difference" if among else "No difference"
    return f"{among}{shown} shown between {level} and {baseline}: {inside} ({basis(effect)}{p})."


def _each_time(effect: Effect, level: str, baseline: str, metric: MetricColumn) -> str:
    """The sentence about differences that are all equal: they have no interval, however many there are."""
    each, mean = f"all {len(effect.values)} {effect.unit}s", effect.interval.mean
    if mean == 0:
        return f"{level} and {baseline}: identical in {each}"
    first, second = (level, baseline) if mean * metric.sign < 0 else (baseline, level)
    by = f"{first} beats {second} by {with_unit(number(abs(mean)), metric)} in {each}"
    sides = f" ({level} {number(effect.both[0])}, {baseline} {number(effect.both[1])} each time)" if effect.both else ""
    return f"{by}{sides}; equal differences have no interval"


def basis(effect: Effect) -> str:
    """How the interval was computed: `95%, t over 12 matched settings, 5 seeds each`."""
    few, most = effect.seeds
    seeds = f"{many(few, 'seed')} each" if few == most else f"{few} to {most} seeds each"
    if effect.unit == "setting":
        return f"{stats.LEVEL:.0%}, t over {len(effect.values)} matched settings, {seeds}"
    only = "this setting only" if effect.settings == 1 else f"these {effect.settings} settings only"
    return f"{stats.LEVEL:.0%}, t over {len(effect.values)} seeds, {only}"


def strongest(effects: list[Effect], margin: float) -> list[Effect]:
    """The effects, the strongest first.

    Clear differences and tested differences in divergence come first, the largest of them in front; then the others.
    """
    order = (
        "clear",
        "constant",
        "differs",
        "mixed",
        "small",
        "equivalent",
        "undecided",
        "same",
        "two",
        "single",
        "none",
    )

    def rank(effect: Effect) -> tuple[int, float]:
        state = effect.finding(margin)
        first = 0 if effect.divergence.differs and effect.divergence.p is not None else order.index(state)
        return first, -abs(effect.interval.mean) if effect.values else 0.0

    return sorted(effects, key=rank)


def confounded(factor: Factor) -> str:
    """The sentence about a factor that always changes together with another setting; else empty."""
    if not factor.together:
        return ""
    return f"{factor.key} always changes together with {', '.join(factor.together)}: these runs cannot tell them apart."
