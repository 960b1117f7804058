"""How the settings of a task stand: ranked by the metric, with what cannot be told from the best."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsweep.report import mcb, stats
from rnnsweep.report.matched_runs import MatchedRuns
from rnnsweep.report.numbers import interval_of, number, size, spread
from rnnsweep.report.pairs import FEW
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.runs import MetricColumn, Runs
from rnnsweep.report.table import Cell, Table, TableRow, anchor, estimate, measured, pairs_anchor, setting_link

ENOUGH = 0.8
"""Share of a setting's seeds that must have finished for it to be the best: else the lucky seed decides."""


@dataclasses.dataclass(frozen=True)
class LeaderboardEntry:
    """One setting over its seeds."""

    setting: int
    values: tuple[float, ...]
    interval: stats.Interval
    planned: int
    diverged: int
    pruned: bool
    """Whether every run of it was."""
    rows: NDArray[Any] = dataclasses.field(compare=False, repr=False)

    @property
    def enough(self) -> bool:
        """Whether so many of its seeds have finished that it may be the best."""
        return len(self.values) >= ENOUGH * self.planned


def ranked_entries(runs: Runs, metric: MetricColumn) -> list[LeaderboardEntry]:
    """The settings by their mean, the best first; then those of which too few seeds, or none, have finished."""
    if metric.name not in runs.ranked:
        runs.ranked[metric.name] = _ranked_entries(runs, metric)
    found: list[LeaderboardEntry] = runs.ranked[metric.name]
    return found


def _ranked_entries(runs: Runs, metric: MetricColumn) -> list[LeaderboardEntry]:
    values, setting = runs.values(metric.name), runs.frame["setting"].to_numpy()
    diverged, pruned = ((runs.frame["state"] == state).to_numpy() for state in ("diverged", "pruned"))
    order = np.argsort(setting, kind="stable")
    starts = np.flatnonzero(np.diff(setting[order], prepend=-2))
    found = []
    for rows in np.split(order, starts[1:]):
        if setting[rows[0]] >= 0:
            done = values[rows][np.isfinite(values[rows])]
            interval = stats.t_interval(done, least=FEW)
            counts = len(rows), int(diverged[rows].sum())
            found.append(
                LeaderboardEntry(int(setting[rows[0]]), tuple(done), interval, *counts, bool(pruned[rows].all()), rows)
            )
    return sorted(found, key=lambda s: (not s.enough, s.interval.mean * metric.sign if s.values else math.inf))


def indistinguishable(runs: Runs, metric: MetricColumn, ranked: list[LeaderboardEntry]) -> set[int]:
    """The settings that may be the best (Hsu's MCB), among those that may lead.

    Empty where the best has fewer than FEW seeds, for then nothing is known.
    """
    if not ranked or len(ranked[0].values) < FEW:
        return set()
    able = [entry for entry in ranked if entry.values and (entry.enough or not ranked[0].enough)]
    values, seeds = runs.values(metric.name), runs.column("seed")
    names = {seed: place for place, seed in enumerate(np.unique(np.concatenate([seeds[s.rows] for s in able])))}
    table = np.full((len(able), len(names)), np.nan)
    for place, entry in enumerate(able):
        table[place, [names[seed] for seed in seeds[entry.rows]]] = values[entry.rows]
    found = mcb.may_be_best(table, metric.lower)
    if found is None:  # one setting alone, or no seeds in common
        return {ranked[0].setting}
    return {entry.setting for entry, may in zip(able, found, strict=True) if may} | {ranked[0].setting}


def leaderboard(runs: Runs, metric: MetricColumn, baselines: dict[str, str], tuning_seed: int | None = None) -> Table:
    """The settings of a task, ranked by the metric; the test metric is that of the selected setting alone.

    Args:
        runs: The runs of the task.
        metric: What the settings are ranked by.
        baselines: The level that each factor's others are compared with.
        tuning_seed: The seed of the trials, where these runs are of a tuned sweep; a note says that it counts here.
    """
    every = ranked_entries(runs, metric)
    ranked = [entry for entry in every if entry.values or not entry.pruned]
    bold = indistinguishable(runs, metric, ranked)
    last = _ranks_with_diverged(ranked, metric)
    to_baseline = _to_baseline(runs, metric, baselines)
    columns = ["rank", "diverged last", "setting", "n", metric.name]
    columns += ["ppl"] if metric.in_nats and "val/ppl" in runs.metrics else []
    columns += [f"Δ to {to_baseline[0]}"] if to_baseline else []
    columns += [f"{metric.tested} (selected)"] if metric.tested else []
    columns += ["gap"] if (gap := "val/gap" in runs.metrics) else []
    columns += ["parameters", "s/epoch", "tokens/s", "memory"]
    rows = []
    for rank, entry in enumerate(ranked, 1):
        link = setting_link(runs, entry.setting)
        cells = [
            Cell(str(rank) if entry.values else "—", rank),
            Cell(str(last[entry.setting]) if entry.values else "—", last[entry.setting]),
            Cell(runs.describe(entry.setting), link=link, bold=entry.setting in bold),
            Cell(_n(entry), len(entry.values), link),
            Cell(spread(entry.interval, entry.values), estimate(entry.interval), link, entry.setting in bold),
        ]
        if "ppl" in columns:
            cells.append(_ppl(entry, link))
        if to_baseline:
            cells.append(to_baseline[1].get(entry.setting, Cell("—")))
        if metric.tested:
            cells.append(mean_of(runs, entry, metric.tested, link) if rank == 1 else Cell("·", math.nan))
        cells += _costs(runs, entry, link)[not gap :]
        rows.append(TableRow(tuple(cells)))
    used = np.flatnonzero(np.isfinite(runs.values(metric.name)))
    late = any(entry.values and not entry.enough for entry in ranked)
    notes = [str(run_counts(runs, used, metric.name)), _bold_note(bold, metric), _mean_note("ppl" in columns, gap)]
    notes += [f"Settings of which fewer than {ENOUGH:.0%} of the seeds have finished come last."] if late else []
    notes += [_tuning_note(tuning_seed)] if tuning_seed is not None else []
    pruned = len(every) - len(ranked)
    notes += [f"Not listed: {pruned} settings of which every run was pruned."] if pruned else []
    made = (tuple(columns), tuple(rows), tuple(notes), 60, measured(metric), ("s/epoch", "tokens/s", "memory"))
    table = Table(f"leaderboard-{anchor(runs.task)}", "Leaderboard", *made)
    return table if any(entry.diverged for entry in ranked) else table.without("diverged last")


def _n(entry: LeaderboardEntry) -> str:
    done, diverged = len(entry.values), entry.diverged
    if done == entry.planned:
        return str(done)
    return f"{done} of {entry.planned}" + (f", {diverged} diverged" if diverged else "")


def _ppl(entry: LeaderboardEntry, link: str) -> Cell:
    interval = entry.interval
    if not entry.values:
        return Cell("—", math.nan)
    mean, low, high = (math.exp(min(value, 700)) for value in (interval.mean, interval.low, interval.high))
    text = " ".join(interval_of(stats.Interval(mean, low, high))) if interval.known else number(mean, 2)
    return Cell(text, {"exp(mean)": mean, "exp(low)": low, "exp(high)": high}, link)


def _bold_note(bold: set[int], metric: MetricColumn) -> str:
    if not bold:
        return "No row is bold: the best has too few seeds to be told from any other."
    which = "the one setting that may be" if len(bold) == 1 else f"the {len(bold)} settings that may be"
    return f"Bold: {which} the best {metric.where} (Hsu's multiple comparisons with the best, 95%, seeds as blocks)."


def _mean_note(ppl: bool, gap: bool) -> str:
    told = "± is the half width of the 95% Student-t interval over seeds; of two seeds both values are shown."
    told += " ppl is exp(mean) with exp(interval)." if ppl else ""
    return told + (" gap: validation less training loss at the best weights, both without dropout." if gap else "")


def _tuning_note(seed: int) -> str:
    return (
        f"The settings were tuned with seed {seed}. This table counts it like any other seed, also for the settings "
        f"that it chose; the tuned comparison leaves it out as soon as there are {FEW} fresh seeds."
    )


def _ranks_with_diverged(ranked: list[LeaderboardEntry], metric: MetricColumn) -> dict[int, int]:
    """Ranks where settings with diverged runs come after those without, by how many diverged."""
    order = sorted(
        ranked,
        key=lambda s: (
            s.diverged / max(1, s.diverged + len(s.values)),
            s.interval.mean * metric.sign if s.values else 0,
        ),
    )
    return {entry.setting: rank for rank, entry in enumerate(order, 1)}


def _to_baseline(runs: Runs, metric: MetricColumn, baselines: dict[str, str]) -> tuple[str, dict[int, Cell]] | None:
    """For each setting its mean difference from the one that is identical but for the first factor."""
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
    """The mean of a metric over the complete runs of a setting."""
    values = runs.values(name)[entry.rows]
    values = values[np.isfinite(values)]
    interval = stats.t_interval(values, least=FEW)
    return Cell(spread(interval, tuple(values)), estimate(interval), link)


def _costs(runs: Runs, entry: LeaderboardEntry, link: str) -> list[Cell]:
    done = entry.rows[runs.complete[entry.rows]]
    epochs = runs.column("last:train/epoch")[done]
    seconds = runs.column("seconds")[done] / epochs
    speed = runs.column("last:train/tokens_per_second")[done] * runs.column("last:train/seconds_per_epoch")[done]

    def median(values: NDArray[Any]) -> float:
        values = values[np.isfinite(values)]
        return float(np.median(values)) if len(values) else math.nan

    gap = median(runs.column("val/gap")[done])
    parameters, memory = median(runs.column("parameters")[done]), median(runs.column("env:memory")[done])
    epoch, tokens = median(seconds), median(speed / seconds)  # as many tokens an epoch, at the run's share of the time
    return [
        Cell(number(gap), gap, link),
        Cell(size(parameters), parameters, link),
        Cell(number(epoch, 2), epoch, link),
        Cell(size(tokens), tokens, link),
        Cell(size(memory, "B"), memory, link),
    ]
