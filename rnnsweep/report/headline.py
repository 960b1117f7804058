"""The summary of a task in a few sentences: how its runs ended, its best setting, and its clearest effects."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from rnnsweep.errors import many
from rnnsweep.report import evaluated, stats, tuned_sentences
from rnnsweep.report.effects import Effect
from rnnsweep.report.expected_best import expected_best
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.numbers import number, share, spread, with_unit
from rnnsweep.report.runs import Runs
from rnnsweep.report.section import Section
from rnnsweep.report.sentences import effect_sentence, strongest
from rnnsweep.report.setting_ranks import LeaderboardEntry, means, ranked_entries

EFFECTS = 5  # most sentences about effects


def headline(section: Section) -> list[str]:
    """The sentences, the most important first."""
    runs, metric = section.runs, section.metric
    counts = runs.counts()
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    said = tuned_sentences.sentences(section.tuned) if section.tuned else []
    planned = len(runs.frame)
    said += [f"{many(planned, 'run', 'was', 'were')} planned: {told}."]
    ended = counts["complete"] + counts["diverged"]
    if counts["diverged"]:
        said.append(
            f"{share(counts['diverged'], ended)} of the runs that ended have diverged. The differences below leave "
            "them out, and say as well what holds if diverged runs rank last."
        )
    ranked = [s for s in ranked_entries(runs, metric) if s.values]
    if ranked:
        said += [_selected(section, ranked), *_judged_otherwise(runs, metric)]
    known = strongest([e for e in section.beside if e.settings or e.divergence.pairs], section.margin)
    said += [f"Exploratory: {effect_sentence(e, metric, section.margin)}" for e in _first_of_each(known)[:EFFECTS]]
    return said


def _first_of_each(effects: Sequence[Effect]) -> list[Effect]:
    """The first effect of each factor, then the second of each, and so on: no factor takes all the room."""
    seen = Counter[str]()
    turns = []
    for effect in effects:
        turns.append(seen[effect.factor])
        seen[effect.factor] += 1
    return [effect for _, effect in sorted(zip(turns, effects, strict=True), key=lambda pair: pair[0])]


def _selected(section: Section, ranked: Sequence[LeaderboardEntry]) -> str:
    """The sentence about the best setting, with the number of configurations that it is the best of."""
    runs, metric, best = section.runs, section.metric, ranked[0]
    value = with_unit(spread(best.interval, best.values), metric)
    n = f"n = {len(best.values)}" + (f" of {best.planned}" if best.planned != len(best.values) else "")
    n += f", {best.diverged} diverged" if best.diverged else ""
    ended = runs.frame["state"].isin(["complete", "diverged", "pruned"]) & (runs.frame["setting"] >= 0)
    tried = int(runs.frame.loc[ended, "setting"].nunique())
    said = (
        f"Best of {many(tried, 'configuration')} {metric.where}: {runs.settings.describe(best.setting)}, "
        f"{metric.words} {value} ({n}){_tested(runs, metric, best)}."
    )
    if not runs.evaluated_alike:
        said += f" Not all are comparable: they were {evaluated.SAID}."
    if metric.name.startswith("test/"):
        said += " It was chosen on the test part, so its value there is biased: too good."
    if len(ranked) > 2:
        values, half = means(ranked) + [math.nan] * (tried - len(ranked)), max(1, tried // 2)
        one, some = expected_best(values, [1, half], metric.lower)
        said += f" A random configuration is expected to reach {number(one)}"
        said += f", and the best of {half} random ones {number(some)}." if half > 1 else "."
    return said


def _judged_otherwise(runs: Runs, metric: MetricColumn) -> list[str]:
    """What a reader should know where the tables are of the loss, and the task is judged by another metric."""
    own = [f"val/{name}" for name, *_ in runs.frame["metric"].dropna().unique()]
    if metric.name != "val/loss" or len(own) != 1 or own[0] not in {*runs.metrics} - {"val/loss"}:
        return []
    return [
        f"The task's own metric is {own[0]}: `--metric {own[0]}` reports it; `python -m rnnsweep.best` ranks by it."
    ]


def _tested(runs: Runs, metric: MetricColumn, best: LeaderboardEntry) -> str:
    if metric.tested is None:
        return ""
    values = runs.values(metric.tested)[best.rows]
    values = values[np.isfinite(values)]
    return f"; test {spread(stats.t_interval(values), tuple(values))}" if len(values) else ""
