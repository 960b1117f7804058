"""From the runs of one task to its section of the report: sentences, tables and figures, question by question."""

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnsweep import planned
from rnnsweep.report import (
    ablations,
    claims,
    figures,
    inside,
    leaderboard,
    listings,
    predictions,
    published,
    stats,
    tables,
    traces,
)
from rnnsweep.report.anova import anova
from rnnsweep.report.draw import Picture
from rnnsweep.report.effects import Comparison, Effect, counted
from rnnsweep.report.errors import ReportError
from rnnsweep.report.numbers import number, share, spread, with_unit
from rnnsweep.report.questions import QUESTIONS, Question, other_factors
from rnnsweep.report.runs import Factor, Metric, Runs
from rnnsweep.report.sentences import comparison, confounded, named, strongest
from rnnsweep.report.shown import showcase
from rnnsweep.report.tables import Table, anchor

HEAT_LEVELS = 12  # a factor with more levels has no heat map
SAID = 10  # sentences about the levels of one factor
PAIRWISE = (3, 8)  # levels between which a pairwise matrix is worth reading
DEFAULTS = {"cell": "rnn", "pooling": "last", "optimizer": "adamw", "train.clip": "null"}
"""What a factor's levels are compared with where the user names none and the grid has it; else its first level."""


@dataclasses.dataclass
class Answer:
    """One question with what answers it."""

    slug: str
    title: str
    asks: str
    sentences: list[str] = dataclasses.field(default_factory=list)
    tables: list[Table] = dataclasses.field(default_factory=list)
    pictures: list[Picture] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Section:
    """All that the report says of one task."""

    runs: Runs
    metric: Metric
    margin: float
    baselines: dict[str, str]
    headline: list[str] = dataclasses.field(default_factory=list)
    leaderboard: Table | None = None
    answers: list[Answer] = dataclasses.field(default_factory=list)
    effects: list[Effect] = dataclasses.field(default_factory=list)
    listings: list[Table] = dataclasses.field(default_factory=list)
    appendix: list[Table] = dataclasses.field(default_factory=list)
    samples: list["Samples"] = dataclasses.field(default_factory=list)
    images: list[tuple[str, Path]] = dataclasses.field(default_factory=list)

    @property
    def task(self) -> str:
        return self.runs.task


@dataclasses.dataclass(frozen=True)
class Samples:
    """What one prompt was answered with by the best, the median and the worst seed of the selected setting."""

    prompt: str
    setting: str
    texts: tuple[tuple[str, str], ...]
    """(which seed, text)"""


def analyse(
    runs: Runs, by: Sequence[str], metric: str | None, baselines: dict[str, str], margin: float | None, out: Path
) -> Section:
    """Everything about one task.

    Raises:
        ReportError: a factor, level or metric that these runs do not have.
    """
    chosen = runs.metric(metric)
    factors = [runs.factor(key) for key in by] if by else runs.factors
    section = Section(
        runs, chosen, margin if margin is not None else _margin(runs, chosen), _baselines(runs, factors, baselines)
    )
    section.leaderboard = leaderboard.leaderboard(runs, chosen, section.baselines)
    section.answers += filter(None, [_published(section)])
    answered: set[str] = set()
    for question in (*QUESTIONS, other_factors(runs)):
        found = [f for f in question.factors(runs) if f in factors and f.key not in answered and len(f.levels) > 1]
        answered |= {factor.key for factor in found}
        if found:
            section.answers.append(_answer(section, question, found))
    section.answers += filter(
        None,
        (
            _sampling(section),
            _inside(section, factors),
            _shown(section),
            _interactions(section, factors),
            _variance(section, factors),
            _budget(section),
        ),
    )
    section.listings = [
        table
        for table in (
            listings.failures(runs),
            listings.all_runs(runs, chosen, out),
            listings.settings(runs, chosen),
            listings.pairs(runs, section.effects, chosen),
        )
        if table and table.rows
    ]
    section.appendix = [ablations.marginals(runs, chosen)] if runs.factors else []
    section.samples = _samples(section)
    section.headline = _headline(section)
    return section


def _margin(runs: Runs, metric: Metric) -> float:
    """Below this a difference is small: 0.01 nats (one percent of the perplexity), a point of a share; else 1%."""
    if metric.unit in ("nats", "share"):
        return 0.01
    values = runs.values(metric.name)
    return 0.01 * abs(float(np.nanmean(values))) if np.isfinite(values).any() else 0.01


def _baselines(runs: Runs, factors: Sequence[Factor], asked: dict[str, str]) -> dict[str, str]:
    """The level that each factor's others are compared with."""
    found = {f.key: DEFAULTS[f.key] if DEFAULTS.get(f.key) in f.levels else f.levels[0] for f in factors if f.levels}
    for key, level in asked.items():
        factor = runs.factor(key)
        if level not in factor.levels:
            raise ReportError(
                f"--baseline {key}={level}: no run of task {runs.task} has this level; there are "
                f"{', '.join(factor.levels)}"
            )
        found[factor.key] = level
    return {key: found[key] for key in sorted(found, key=lambda key: key not in asked)}


# A question ------------------------------------------------------------------------------------------------------


def _answer(section: Section, question: Question, factors: Sequence[Factor]) -> Answer:
    runs, metric, margin = section.runs, section.metric, section.margin
    if own := question.judged in runs.metrics and runs.declared.says(question.judged):
        metric = runs.metric(question.judged)
        margin = _margin(runs, metric)
    answer = Answer(anchor(runs.task, question.name), question.title, question.asks)
    for factor in factors:
        effects = Comparison(runs, factor, metric).against(section.baselines[factor.key])
        answer.sentences += [said for said in [confounded(factor)] if said]
        if not any(effect.planned for effect in effects):
            answer.sentences.append(
                f"{factor.key} varies, but no two runs are identical but for it: its effect cannot be told."
            )
            answer.pictures += filter(None, [figures.levels(runs, factor, [metric.name], _hue(runs, factor))])
            continue
        section.effects += [] if own else effects
        told = strongest(effects, margin)
        answer.sentences += [comparison(effect, metric, margin) for effect in told[:SAID]]
        if len(told) > SAID:
            answer.sentences.append(f"{len(told) - SAID} more levels of {factor.key} are in the table.")
        answer.sentences += list(_where(section, factor, effects))
        answer.tables.append(ablations.ablation(runs, factor, effects, metric, margin))
        if PAIRWISE[0] <= len(factor.levels) <= PAIRWISE[1] and factor.numbers is None:
            answer.tables.append(ablations.matrix(runs, factor, metric, margin))
        answer.tables += _at_equal_cost(section, factor, effects)
        drawn = [figures.levels(runs, factor, question.beside(runs, metric.name), _hue(runs, factor))]
        drawn.append(figures.forest(runs, factor, effects, metric, margin))
        answer.pictures += filter(None, drawn + [VIEWS[view](runs, factor, metric) for view in question.views])
    return answer


DRAWN = ("predictions", "forecasts")  # series that have a figure of their own
VIEWS = {
    "curves": traces.curves,
    "fit": predictions.fit,
    "gradients": traces.gradients,
    "context": traces.context,
}


def _hue(runs: Runs, factor: Factor) -> Factor | None:
    """What the lines of a figure tell apart: the cell, else clipping or another small group."""
    for key in ("cell", "train.clip", "optimizer", "pooling"):
        found = next((f for f in runs.factors if f.key == key and f.key != factor.key), None)
        if found is not None and len(found.levels) <= 6:
            return found
    return None


def _where(section: Section, factor: Factor, effects: Sequence[Effect]) -> Iterator[str]:
    """Where an effect holds: by the levels of each other factor, Holm over all of these."""
    runs, metric = section.runs, section.metric
    if factor.key != "cell":
        return
    found = []
    for other in runs.factors:
        if other.key == factor.key or not 2 <= len(other.levels) <= HEAT_LEVELS:
            continue
        for code, level in enumerate(other.levels):
            part = Comparison(runs, factor, metric, other.column == code)
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
                yield _outperforms(effect, other, ahead, behind, len(found))


def _outperforms(effect: Effect, other: Factor, ahead: list[str], behind: list[str], family: int) -> str:
    level, baseline = named(effect.factor, effect.level), named(effect.factor, effect.baseline)
    parts = [f"outperforms {baseline} at {other.key} = {', '.join(ahead)}"] if ahead else []
    parts += [f"falls behind {baseline} at {other.key} = {', '.join(behind)}"] if behind else []
    rest = [level_ for level_ in other.levels if level_ not in ahead + behind]
    shown = f"; not shown at {', '.join(rest)}" if rest else ""
    return f"In this grid {level} {' and '.join(parts)}{shown} (Holm over {family} tests)."


def _at_equal_cost(section: Section, factor: Factor, effects: list[Effect]) -> list[Table]:
    """The equal-parameters and equal-time views, where the levels differ in parameters and a size varies."""
    along = next(
        (
            f
            for f in section.runs.factors
            if f.key in ("cell.hidden_size", "cell.num_layers") and f.numbers and f.key != factor.key
        ),
        None,
    )
    differs = any(abs(math.log(e.parameters)) > 0.05 for e in effects if math.isfinite(e.parameters))
    if along is None or not differs or factor.numbers is not None:
        return []
    return [ablations.equal_cost(section.runs, factor, along, effects, section.metric)]


# Across factors --------------------------------------------------------------------------------------------------


def _interactions(section: Section, factors: Sequence[Factor]) -> Answer | None:
    small = [f for f in factors if 2 <= len(f.levels) <= HEAT_LEVELS][:5]
    pairs = [(a, b) for i, a in enumerate(small) for b in small[i + 1 :]][:6]
    pictures = [p for a, b in pairs for p in [figures.heat(section.runs, a, b, section.metric)] if p]
    answer = Answer(
        anchor(section.task, "interactions"), "Interactions", "Does the effect of one setting depend on another?"
    )
    answer.pictures = pictures
    return answer if pictures else None


def _variance(section: Section, factors: Sequence[Factor]) -> Answer | None:
    """Exact or type II on grids; on what a random search drew a forest, named as such."""
    runs, metric = section.runs, section.metric
    answer = Answer(
        anchor(runs.task, "variance"), "Where the variance comes from", "Which settings matter most over this grid?"
    )
    values = runs.values(metric.name)
    inside = np.isfinite(values)
    usable = [f for f in factors if 2 <= len(f.levels) <= HEAT_LEVELS and not (f.key in runs.searched and f.numbers)]
    for factor in usable:
        inside &= factor.column >= 0
    if runs.mixed:
        said = "These runs mix a search with a grid: neither exact shares nor a forest would be of one design."
        answer.sentences.append(f"{said} Report the studies apart.")
        return answer
    if runs.searched:
        return _forest(section, answer)
    if not usable or len(np.unique(values[inside])) < 2:
        return None
    found = anova({f.key: f.column[inside] for f in usable}, values[inside])
    if found is None:
        told = f"{inside.sum()} runs are too few to tell {len(usable)} factors apart"
        answer.sentences.append(f"The shares of the variance are not estimable: {told}.")
        return answer
    lost = runs.counts()["diverged"]
    if lost:
        answer.sentences.append(
            f"{lost} diverged runs have no value and no part in these shares: they say nothing of what diverges."
        )
    answer.tables.append(ablations.variance(runs, found, metric, np.flatnonzero(inside)))
    answer.pictures.append(figures.shares(runs, found, metric))
    return answer


def _forest(section: Section, answer: Answer) -> Answer | None:
    from rnnsweep.report.forest import importance

    shares, problem = importance(section.runs, section.metric)
    if problem:
        answer.sentences.append(problem)
        return answer
    if not shares:
        return None
    rows = tables.rows_of(*[(key, tables.Cell(f"{value:.1%}", value)) for key, value in shares.items()])
    done = np.flatnonzero(np.isfinite(section.runs.values(section.metric.name)))
    note = str(counted(section.runs, done, section.metric.name))
    title = "fANOVA by a random forest (Optuna), over what a random search drew"
    answer.tables.append(Table(f"fanova-{anchor(section.task)}", title, ("setting", "share"), rows, (note,)))
    return answer


def _budget(section: Section) -> Answer | None:
    runs, metric = section.runs, section.metric
    arms = next((f for f in runs.factors if f.key in ("cell", "pooling", "optimizer")), None)
    answer = Answer(
        anchor(runs.task, "budget"),
        "Budget and cost",
        "What does tuning buy, and which settings are worth their time and size?",
    )
    answer.pictures = [p for p in (figures.budget(runs, metric, arms), figures.pareto(runs, metric, arms)) if p]
    if arms is not None:
        tried = {level: _configurations(runs, arms, code) for code, level in enumerate(arms.levels)}
        if len(set(tried.values())) > 1:
            told = ", ".join(f"{named(arms.key, level)} {count}" for level, count in tried.items())
            answer.sentences.append(
                f"Unequal tuning effort: configurations tried per level of {arms.key}: {told}. The best "
                "of more is better by chance alone."
            )
    return answer if answer.pictures or answer.sentences else None


def _configurations(runs: Runs, arms: Factor, code: int) -> int:
    tried = (arms.column == code) & runs.frame["state"].isin(["complete", "diverged", "pruned", "failed"]).to_numpy()
    return int(runs.frame.loc[tried, "setting"].nunique())


# What models show ------------------------------------------------------------------------------------------------


def _has(runs: Runs, name: str) -> bool:
    shown = runs.frame["showcase"].dropna() if "showcase" in runs.frame else []
    return any(name in keys for keys in shown)


def _seeds(section: Section) -> list[int]:
    """The complete runs of the selected setting, the best seed first."""
    ranked = leaderboard.standings(section.runs, section.metric)
    if not ranked or not ranked[0].values:
        return []
    values = section.runs.values(section.metric.name)
    done = [int(row) for row in ranked[0].rows if math.isfinite(values[row])]
    return sorted(done, key=lambda row: values[row] * section.metric.sign)


def _sampling(section: Section) -> Answer | None:
    if not _has(section.runs, "measures"):
        return None
    arms = next((f for f in section.runs.factors if f.key == "cell"), None)
    picture = traces.diversity(section.runs, section.metric, arms)
    if picture is None:
        return None
    title, asks = "Sampling temperature and top-k", "What does diversity cost in coherence?"
    return Answer(anchor(section.task, "sampling"), title, asks, pictures=[picture])


def _published(section: Section) -> Answer | None:
    """What the studies were made to reproduce."""
    runs, metric = section.runs, section.runs.metric(None)  # chosen on validation, whatever is compared by
    specs = [spec for spec in published.named(list(runs.frame["study"].unique())) if spec["metric"] in runs.frame]
    if not specs:
        return None
    answer = Answer(anchor(runs.task, "published"), "Published and ours", "Are the published numbers reproduced?")
    for index, spec in enumerate(specs):
        if not runs.declared.says(spec["metric"]):
            problem = f"no record says which way `{spec['metric']}` is better"
            answer.sentences.append(f"{spec['source']} is not compared: {problem}.")
            continue
        answer.tables += [published.table(runs, metric, spec, index)] if spec["values"] else []
        answer.tables += claims.tables(runs, metric, spec, index)
        answer.sentences += published.orders(runs, metric, spec)
    return answer


def _inside(section: Section, factors: Sequence[Factor]) -> Answer | None:
    """The diagnostics by cell, or by the first factor there is."""
    runs = section.runs
    if not factors or not (_has(runs, "gradient_by_lag") or _has(runs, "spectral_radius")):
        return None
    factor = next((f for f in factors if f.key == "cell"), factors[0])
    levels = inside.arms(runs, factor, section.metric)
    title, asks = (
        "Inside the trained cells",
        "How far back do gradients and useful context reach, and what do the gates do?",
    )
    answer = Answer(anchor(runs.task, "inside"), title, asks)
    answer.pictures = [picture for picture in [inside.reach(runs, factor, levels, section.metric)] if picture]
    answer.tables = [table for table in [inside.gates(runs, factor, levels)] if table]
    return answer if answer.pictures or answer.tables else None


def _shown(section: Section) -> Answer | None:
    """Confusions, predictions and pictures of the selected setting's best seed, where the record has them."""
    seeds = _seeds(section)
    if not seeds:
        return None
    runs, path = section.runs, Path(section.runs.frame["path"].iloc[seeds[0]])
    data = showcase(str(path)) if runs.frame["showcase"].iloc[seeds[0]] else {}
    answer = Answer(anchor(runs.task, "shown"), "What the selected model shows", "What does it get wrong?")
    confusion = data.get("confusion")
    if isinstance(confusion, dict) and {"labels", "counts"} <= confusion.keys():
        answer.pictures.append(
            traces.confusion(runs, seeds[0], confusion["counts"], [tables.oneline(str(x)) for x in confusion["labels"]])
        )
    elif isinstance(confusion, list):
        labels = data.get("labels") or data.get("classes") or range(len(confusion))
        answer.pictures.append(traces.confusion(runs, seeds[0], confusion, [str(label) for label in labels]))
    if isinstance(data.get("attention"), dict) and {"source", "target", "weights"} <= data["attention"].keys():
        answer.pictures.append(traces.attention(runs, seeds[0], data["attention"]))
    if isinstance(data.get("by_length"), list) and len(data["by_length"]) > 1:
        answer.pictures.append(traces.by_length(runs, seeds[0], data["by_length"]))
    if not any(picture.name.startswith("fit-") for a in section.answers for picture in a.pictures):
        answer.pictures += filter(None, [predictions.fit(runs, None, section.metric)])
    if isinstance(data.get("forecasts"), dict) and len(data["forecasts"]) > 2:
        answer.pictures.append(predictions.forecasts(runs, seeds[0], data["forecasts"]))
    for name, series in data.items():
        if name in DRAWN:
            continue
        if isinstance(series, dict) and len(series) > 1 and all(_numbers(values) for values in series.values()):
            answer.pictures.append(traces.lines(runs, name, series))
    section.images = [
        (file.stem, file)
        for file in sorted(path.glob("*.png"))
        if file.stem not in ("curves", *data) and file.stat().st_size < 2_000_000  # what is data is drawn above
    ]
    return answer if answer.pictures or section.images else None


def _numbers(values: Any) -> bool:
    return isinstance(values, list) and len(values) > 1 and all(isinstance(value, int | float) for value in values)


def _samples(section: Section) -> list[Samples]:
    """The fixed prompts side by side, at the temperature that a reader expects."""
    seeds = _seeds(section)
    if not seeds or not _has(section.runs, "samples"):
        return []
    chosen = {"best seed": seeds[0], "median seed": seeds[len(seeds) // 2], "worst seed": seeds[-1]}
    chosen = (
        chosen if len(seeds) > 2 else {"best seed": seeds[0]} | ({"worst seed": seeds[-1]} if len(seeds) > 1 else {})
    )
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for which, row in chosen.items():
        shown = showcase(section.runs.frame["path"].iloc[row]).get("samples", [])
        settings = {(s.get("temperature"), s.get("top_k")) for s in shown}
        wanted = (0.8, 0) if (0.8, 0) in settings else next(iter(settings), (None, None))
        name = f"{which} ({section.runs.frame['run'].iloc[row]})"
        for sample in shown:
            if (sample.get("temperature"), sample.get("top_k")) == wanted:
                setting = f"temperature {wanted[0]}" + (f", top-k {wanted[1]}" if wanted[1] else "")
                found.setdefault((str(sample.get("prompt", "")), setting), []).append(
                    (name, str(sample.get("text", json.dumps(sample))))
                )
    return [Samples(prompt, setting, tuple(texts)) for (prompt, setting), texts in found.items()]


# The summary -----------------------------------------------------------------------------------------------------


def _headline(section: Section) -> list[str]:
    runs, metric = section.runs, section.metric
    counts = runs.counts()
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    said = [f"{len(runs.frame)} runs were planned: {told}."]
    ended = counts["complete"] + counts["diverged"]
    if counts["diverged"]:
        said.append(
            f"{share(counts['diverged'], ended)} of the runs that ended diverged; a difference leaves "
            "them out, and says what holds when they rank last."
        )
    ranked = [s for s in leaderboard.standings(runs, metric) if s.values]
    if ranked:
        said.append(_selected(section, ranked))
    known = strongest([e for e in section.effects if e.settings or e.divergence.pairs], section.margin)
    said += [comparison(effect, metric, section.margin) for effect in _first_of_each(known)[:5]]
    return said


def _first_of_each(effects: Sequence[Effect]) -> list[Effect]:
    """The first of each factor, then the second of each, and so on: many levels of one leave room for the others."""
    seen = Counter[str]()
    turns = []
    for effect in effects:
        turns.append(seen[effect.factor])
        seen[effect.factor] += 1
    return [effect for _, effect in sorted(zip(turns, effects, strict=True), key=lambda pair: pair[0])]


def _selected(section: Section, ranked: Sequence[leaderboard.Standing]) -> str:
    """The best setting, with how many it is the best of."""
    runs, metric, best = section.runs, section.metric, ranked[0]
    value = with_unit(spread(best.interval, best.values), metric)
    n = f"n = {len(best.values)}" + (f" of {best.planned}" if best.planned != len(best.values) else "")
    n += f", {best.diverged} diverged" if best.diverged else ""
    ended = runs.frame["state"].isin(["complete", "diverged", "pruned"]) & (runs.frame["setting"] >= 0)
    tried = int(runs.frame.loc[ended, "setting"].nunique())
    said = (
        f"Best of {tried} configurations {metric.where}: {runs.describe(best.setting)}, {metric.name} {value} "
        f"({n}){_tested(runs, metric, best)}."
    )
    if metric.name.startswith("test/"):
        said += " It was chosen on the test part, so its value there is too good."
    if len(ranked) > 2:
        means, half = [s.interval.mean for s in ranked] + [math.nan] * (tried - len(ranked)), max(1, tried // 2)
        one, some = stats.expected_best(means, [1, half], metric.lower)
        said += f" One configuration at random gives {number(one)} in expectation, the best of {half} {number(some)}."
    return said


def _tested(runs: Runs, metric: Metric, best: leaderboard.Standing) -> str:
    if metric.tested is None:
        return ""
    values = runs.values(metric.tested)[best.rows]
    values = values[np.isfinite(values)]
    return f"; test {spread(stats.t_interval(values), tuple(values))}" if len(values) else ""


def searched(studies: Sequence[str]) -> dict[str, list[str]]:
    """The settings that each study's searches, and its grids, drew, and by which sampler."""
    found: dict[str, list[str]] = {}
    for study in studies:
        if keys := planned.drawn(Path(study)):
            found.setdefault("random", []).extend(keys)
        for search in planned.searched(Path(study)):
            keys = [*search.groups, *(key for _, space in search.bases.values() for key in space)]
            found.setdefault(search.sampler, []).extend(keys)
    return found
