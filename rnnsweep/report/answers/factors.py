"""The questions about single factors. Sentences, tables and figures of each factor come from matched pairs."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

from rnnsweep.errors import many
from rnnsweep.report import effect_tables, stats
from rnnsweep.report.effects import Effect, adjusted
from rnnsweep.report.equal_cost_table import equal_cost_table
from rnnsweep.report.factor import Factor
from rnnsweep.report.matched_runs import MatchedRuns
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.pictures import pictures
from rnnsweep.report.question import Question, other_factors, questions
from rnnsweep.report.runs import Runs
from rnnsweep.report.section import Answer, Section, default_margin
from rnnsweep.report.sentences import confounded, effect_sentence, strongest
from rnnsweep.report.setting_labels import level_name
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import Table, anchor

RANK = 10

SAID = 10  # most sentences about the levels of one factor
PAIRWISE = (3, 8)  # fewest and most levels for a pairwise matrix
WHERE = 12  # most levels of another factor by which an effect is examined
AVERAGED = (
    "The tuned comparison at the top of this report answers this question. The differences here are averages over all "
    "values of {}, also over bad ones; they are exploratory."
)
ARMS = 6  # most choices of a group that colours tell apart


def answers(section: Section) -> Iterator[Answer]:
    """An answer for each question about a factor that varies."""
    answer = None
    for question, factor, metric, effects in answered_factors(section):
        if answer is None or answer.title != question.title:
            if answer is not None:
                yield answer
            asks = f"{question.asks} (Exploratory.)"
            answer = Answer(anchor(section.runs.task, question.name), question.title, asks)
        _answer(section, answer, question, factor, metric, effects)
    if answer is not None:
        yield answer


def answered_factors(section: Section) -> Iterator[tuple[Question, Factor, MetricColumn, list[Effect]]]:
    """Each factor with its question, its metric and its effects.

    A factor belongs to the first question about it. The effects of all factors are corrected as one family.
    """
    runs, asked = section.runs, list[tuple[Question, Factor, MetricColumn]]()
    for question in (*questions(runs.packages), other_factors(runs)):
        answered = {factor.key for _, factor, _ in asked}
        factors = [f for f in question.factors(runs) if f in section.factors and f.key not in answered]
        asked += [(question, f, _metric(section, question)) for f in factors if len(f.levels) > 1]
    found = [MatchedRuns(runs, f, metric).effects(section.baselines[f.key]) for _, f, metric in asked]
    corrected = iter(adjusted([effect for effects in found for effect in effects]))
    for (question, factor, metric), effects in zip(asked, found, strict=True):
        yield question, factor, metric, [next(corrected) for _ in effects]


def _metric(section: Section, question: Question) -> MetricColumn:
    """The metric of a question: its own, if the runs have it, else the report's."""
    runs = section.runs
    own = question.judged in runs.metrics and runs.declared.says(question.judged)
    return runs.metric(question.judged) if own else section.metric


def _answer(
    section: Section, answer: Answer, question: Question, factor: Factor, metric: MetricColumn, effects: list[Effect]
) -> None:
    """Adds the sentences, tables and figures of one factor to the answer of its question."""
    runs, own = section.runs, metric.name != section.metric.name
    margin = default_margin(runs, metric) if own else section.margin
    answer.sentences += [said for said in [confounded(factor)] if said]
    subject = Subject(runs, metric, factor, arms=_arms(runs, factor), effects=tuple(effects), margin=margin)
    if not any(effect.planned for effect in effects):
        said = f"{factor.key} varies, but no two runs differ in it alone, so its effect is not known."
        answer.sentences.append(said)
        answer.pictures += pictures(["levels"], dataclasses.replace(subject, metrics=(metric.name,)))
        return
    section.effects += [] if own else effects
    over = "" if own else section.averaged(factor.key)
    answer.sentences += [AVERAGED.format(over)] if over else _told(factor, effects, metric, margin)
    answer.sentences += _where(section, factor, effects)
    tables = list(_tables(section, factor, effects, metric, margin))
    answer.tables += [_averaged(table, over) if over else table for table in tables]
    beside = tuple(question.beside(runs, metric.name))
    answer.pictures += pictures(["levels", "effect"], dataclasses.replace(subject, metrics=beside))
    answer.pictures += pictures(question.views, subject)


def _averaged(table: Table, over: str) -> Table:
    """A table whose differences are averages over tuned settings; its title says so, and it has no findings."""
    told = f"{table.title}, averaged over {over}"
    return dataclasses.replace(table.without("finding"), title=told)


def _told(factor: Factor, effects: list[Effect], metric: MetricColumn, margin: float) -> Iterator[str]:
    """A sentence for each of the strongest effects, at most SAID."""
    ordered = strongest(effects, margin)
    yield from (effect_sentence(effect, metric, margin) for effect in ordered[:SAID])
    if len(ordered) > SAID:
        more = len(ordered) - SAID
        yield f"{many(more, 'more level')} of {factor.key} {'is' if more == 1 else 'are'} in the table."


def _tables(
    section: Section, factor: Factor, effects: list[Effect], metric: MetricColumn, margin: float
) -> Iterator[Table]:
    yield effect_tables.effect_table(section.runs, factor, effects, metric, margin)
    if PAIRWISE[0] <= len(factor.levels) <= PAIRWISE[1] and factor.numbers is None:
        yield effect_tables.pairwise_table(section.runs, factor, effects, metric, margin)
    yield from _at_equal_cost(section, factor, effects)


def _arms(runs: Runs, factor: Factor) -> Factor | None:
    """The factor that the lines of a figure stand for: the cell, else clipping or another small group."""
    for key in ("cell", "train.clip", "optimizer", "pooling"):
        found = next((f for f in runs.factors if f.key == key and f.key != factor.key), None)
        if found is not None and len(found.levels) <= ARMS:
            return found
    return None


def _where(section: Section, factor: Factor, effects: Sequence[Effect]) -> Iterator[str]:
    """Sentences about the levels of other factors at which an effect holds, with Holm's correction over all of them."""
    runs, metric = section.runs, section.metric
    if factor.key != "cell":
        return
    found, every = [], MatchedRuns(runs, factor, metric)
    for other in runs.factors:
        if other.key == factor.key or not 2 <= len(other.levels) <= WHERE:
            continue
        for code, level in enumerate(other.levels):
            part = every.within(other.column == code)
            found += [(other, level, part.effect(e.level, e.baseline)) for e in effects]
    adjusted = stats.holm([effect.interval.p for _, _, effect in found])
    for effect in effects:
        for other in {other.key: other for other, _, _ in found}.values():
            mine = [
                (level, e, p)
                for (o, level, e), p in zip(found, adjusted, strict=True)
                if o.key == other.key and e.level == effect.level
            ]
            ahead = [level for level, e, p in mine if p < stats.ALPHA and e.interval.mean * metric.sign < 0]
            behind = [level for level, e, p in mine if p < stats.ALPHA and e.interval.mean * metric.sign > 0]
            if ahead or behind:
                yield _holds_sentence(effect, other, ahead, behind, len(found))


def _holds_sentence(effect: Effect, other: Factor, ahead: list[str], behind: list[str], family: int) -> str:
    level, baseline = level_name(effect.factor, effect.level), level_name(effect.factor, effect.baseline)
    parts = [f"is better than {baseline} at {other.key} = {', '.join(ahead)}"] if ahead else []
    parts += [f"is worse than {baseline} at {other.key} = {', '.join(behind)}"] if behind else []
    rest = [level_ for level_ in other.levels if level_ not in ahead + behind]
    shown = f"; no difference is shown at {', '.join(rest)}" if rest else ""
    return f"In this grid {level} {' and '.join(parts)}{shown} (Holm over {family} tests)."


def _at_equal_cost(section: Section, factor: Factor, effects: list[Effect]) -> list[Table]:
    """The table at equal parameters and equal time, if the levels differ in parameters and a size varies."""
    sizes = ("cell.hidden_size", "cell.num_layers")
    varying = (f for f in section.runs.factors if f.key in sizes and f.numbers and f.key != factor.key)
    along = next(varying, None)
    differs = any(abs(math.log(e.parameters)) > 0.05 for e in effects if math.isfinite(e.parameters))
    if along is None or not differs or factor.numbers is not None:
        return []
    return [equal_cost_table(section.runs, factor, along, effects, section.metric)]
