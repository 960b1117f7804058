"""The leaderboard of a task: its settings, ranked by the metric. Bold are those that may be the best."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsweep.errors import many
from rnnsweep.report import evaluated, stats
from rnnsweep.report.matched_runs import MatchedRuns
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.numbers import interval_of, number, size, spread
from rnnsweep.report.pairs import FEW
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_labels import level_name
from rnnsweep.report.setting_ranks import (
    ENOUGH,
    LeaderboardEntry,
    indistinguishable,
    ranked_entries,
    ranks_with_diverged,
)
from rnnsweep.report.table import Cell, Table, TableRow, anchor, estimate, measured, pairs_anchor, setting_link

SEEDS = "Not all settings have the same seeds: their means differ by these, too. Bold allows for it."

ELSEWHERE = ("diverged last", "gap", "s/epoch", "tokens/s", "memory")
"""The columns that a paper's column has no room for."""


def leaderboard(runs: Runs, metric: MetricColumn, baselines: dict[str, str], tuning_seed: int | None = None) -> Table:
    """The settings of a task, ranked by the metric. Only the selected setting has its test metric shown.

    Args:
        runs: The runs of the task.
        metric: The metric to rank by.
        baselines: The baseline level of each factor, by key.
        tuning_seed: The seed of a tuned sweep's trials, if there was one. A note says that this table counts it.
    """
    every = ranked_entries(runs, metric)
    ranked = [entry for entry in every if entry.values or not entry.pruned]
    bold = indistinguishable(runs, metric, ranked)
    last = ranks_with_diverged(ranked, metric)
    to_baseline = _to_baseline(runs, metric, baselines)
    lines = []
    for rank, entry in enumerate(ranked, 1):
        link, is_bold = setting_link(runs, entry.setting), entry.setting in bold
        cells = {
            "rank": Cell(str(rank) if entry.values else "—", rank),
            "diverged last": Cell(str(last[entry.setting]) if entry.values else "—", last[entry.setting]),
            "setting": Cell(runs.settings.describe(entry.setting), link=link, bold=is_bold),
            "n": Cell(_n(runs, entry), len(entry.values), link),
            metric.name: Cell(spread(entry.interval, entry.values), estimate(entry.interval), link, is_bold),
            "ppl": _ppl(entry, link),
        }
        if to_baseline:
            cells[f"Δ to {to_baseline[0]}"] = to_baseline[1].get(entry.setting, Cell("—"))
        if metric.tested:
            tested = mean_of(runs, entry, metric.tested, link) if rank == 1 else Cell("·", math.nan)
            cells[f"{metric.tested} (selected)"] = tested
        lines.append(cells | _costs(runs, entry, link))
    rows = tuple(TableRow(tuple(cells.values())) for cells in lines)
    ppl, gap = metric.in_nats and "val/ppl" in runs.metrics, "val/gap" in runs.metrics
    counts = run_counts(runs, np.flatnonzero(np.isfinite(runs.values(metric.name))), metric.name)
    notes = (
        str(counts),
        _bold_note(bold, metric),
        _mean_note(ppl),
        *_gap_note(gap),
        *([] if runs.evaluated_alike else [f"Not all settings are comparable: they were {evaluated.SAID}."]),
        *_exceptions(every, ranked, tuning_seed),
        *([SEEDS] if _have_other_seeds(runs, ranked) else []),
    )
    headings = {f"Δ to {key}={level}": f"Δ to {level_name(key, level)}" for key, level in baselines.items()}
    columns = tuple(lines[0]) if lines else ("setting", metric.name)
    made = (columns, rows, notes, 60, measured(metric), headings, ELSEWHERE)
    table = Table(f"leaderboard-{anchor(runs.task)}", "Leaderboard", *made)
    diverged = any(entry.diverged for entry in ranked)
    return table.without(*["ppl"] * (not ppl), *["gap"] * (not gap), *["diverged last"] * (not diverged))


def _exceptions(
    every: list[LeaderboardEntry], ranked: list[LeaderboardEntry], tuning_seed: int | None
) -> Iterator[str]:
    """Notes about settings that come last, settings that are not listed, and the tuning seed."""
    if any(len(entry.values) < entry.planned for entry in ranked):
        yield "n: the runs (seeds) of the setting that finished, of those that were planned."
    if any(entry.diverged for entry in ranked):
        yield (
            "diverged last: the rank that a setting has if settings with diverged runs come last, in the order of the "
            "share of their runs that diverged."
        )
    if any(entry.values and not entry.enough for entry in ranked):
        yield f"Settings with fewer than {ENOUGH:.0%} of their seeds finished come last."
    if tuning_seed is not None:
        yield _tuning_note(tuning_seed)
    if len(every) > len(ranked):
        yield f"Not listed: {many(len(every) - len(ranked), 'setting')} whose runs were all pruned."


def _have_other_seeds(runs: Runs, ranked: list[LeaderboardEntry]) -> bool:
    """Whether the settings were not all planned with the same seeds."""
    seeds = runs.column("seed")
    return len({tuple(sorted(seeds[entry.rows])) for entry in ranked if entry.values}) > 1


def _n(runs: Runs, entry: LeaderboardEntry) -> str:
    """As in `3`, `1 of 3: 1 diverged, 1 missing`."""
    done = len(entry.values)
    if done == entry.planned:
        return str(done)
    states = runs.counts(entry.rows)
    others = [f"{count} {state}" for state, count in states.items() if state != "complete"]
    if blank := states["complete"] - done:
        others.append(f"{blank} without a value")
    return f"{done} of {entry.planned}: {', '.join(others)}"


def _ppl(entry: LeaderboardEntry, link: str) -> Cell:
    interval = entry.interval
    if not entry.values:
        return Cell("—", math.nan)
    mean, low, high = (math.exp(min(value, 700)) for value in (interval.mean, interval.low, interval.high))
    text = " ".join(interval_of(stats.Interval(mean, low, high))) if interval.known else number(mean, 2)
    return Cell(text, {"exp(mean)": mean, "exp(low)": low, "exp(high)": high}, link)


def _bold_note(bold: set[int], metric: MetricColumn) -> str:
    if not bold:
        return "No row is bold: the best has too few seeds to tell it apart from the others."
    which = "the one setting that may be" if len(bold) == 1 else f"the {len(bold)} settings that may be"
    return f"Bold: {which} the best {metric.where} (Hsu's multiple comparisons with the best, 95%, seeds as blocks)."


def _gap_note(gap: bool) -> list[str]:
    return ["gap: validation loss minus training loss of the best weights, without dropout."] if gap else []


def _mean_note(ppl: bool) -> str:
    told = "± is the half width of the 95% Student-t interval over seeds; of two seeds, both values are shown."
    return told + (" ppl is exp(mean) with exp(interval)." if ppl else "")


def _tuning_note(seed: int) -> str:
    return (
        f"The settings were tuned with seed {seed}. This table counts that seed like any other, also for the settings "
        f"that it chose; the tuned comparison leaves it out as soon as there are {FEW} fresh seeds."
    )


def _to_baseline(runs: Runs, metric: MetricColumn, baselines: dict[str, str]) -> tuple[str, dict[int, Cell]] | None:
    """For each setting, its mean difference from the setting that has the baseline level and is otherwise equal."""
    factor = next((factor for factor in runs.factors if factor.key in baselines), None)
    if factor is None:
        return None
    baseline = baselines[factor.key]
    comparison = MatchedRuns(runs, factor, metric)
    found: dict[int, Cell] = {}
    metrics = runs.values(metric.name)
    settings = runs.frame["setting"].to_numpy()
    effects = comparison.against(baseline)
    if not any(effect.settings for effect in effects):
        return None
    for effect in effects:
        for _, group in effect.pairs.groupby("block"):
            scale = float(np.abs(metrics[group["row"]]).mean())
            interval = stats.t_interval(group["difference"].to_numpy(), least=FEW, scale=scale)
            values = tuple(float(gap) for gap in group["difference"])
            text = spread(interval, values)
            cell = Cell(text, estimate(interval), f"#{pairs_anchor(runs, effect)}")
            found[int(settings[group["row"].iloc[0]])] = cell
    base = factor.levels.index(baseline)
    found |= {int(setting): Cell("baseline", math.nan) for setting in settings[factor.column == base]}
    return f"{factor.key}={baseline}", found


def mean_of(runs: Runs, entry: LeaderboardEntry, name: str, link: str = "") -> Cell:
    """The mean of a metric over the complete runs of a setting, as a cell."""
    values = runs.values(name)[entry.rows]
    values = values[np.isfinite(values)]
    interval = stats.t_interval(values, least=FEW)
    return Cell(spread(interval, tuple(values)), estimate(interval), link)


def _costs(runs: Runs, entry: LeaderboardEntry, link: str) -> dict[str, Cell]:
    done = entry.rows[runs.complete[entry.rows]]
    epochs = runs.column("last:train/epoch")[done]
    seconds = runs.column("seconds")[done] / epochs
    speed = runs.column("last:train/tokens_per_second")[done] * runs.column("last:train/seconds_per_epoch")[done]

    def median(values: NDArray[Any]) -> float:
        values = values[np.isfinite(values)]
        return float(np.median(values)) if len(values) else math.nan

    gap = median(runs.column("val/gap")[done])
    parameters, memory = median(runs.column("parameters")[done]), median(runs.column("env:memory")[done])
    epoch, tokens = median(seconds), median(speed / seconds)  # tokens of an epoch, over the run's share of its time
    return {
        "gap": Cell(number(gap), gap, link),
        "parameters": Cell(size(parameters), parameters, link),
        "s/epoch": Cell(number(epoch, 2), epoch, link),
        "tokens/s": Cell(size(tokens), tokens, link),
        "memory": Cell(size(memory, "B"), memory, link),
    }
