"""What a factor does: differences between runs that are identical but for it, paired by seed, and by nothing else."""

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.report import stats
from rnnsweep.report.runs import Factor, MetricColumn, Runs

Finding = Literal[
    "clear", "differs", "small", "undecided", "equivalent", "mixed", "constant", "same", "two", "single", "none"
]
"""What the differences show. `clear`: a difference beyond the margin, `small`: one below it, `differs`: its interval
reaches over the margin; `constant`: the same difference each time, `same`: none at all; `two` and `single`: how many
there are, `none`: no pair of finished runs."""

DIFFERENT = ("clear", "differs", "small")
"""The states of a difference that a test shows."""

FEW = 3  # with fewer settings than this the seeds are what is sampled, and the settings are these only


@dataclasses.dataclass(frozen=True)
class Divergence:
    """Over pairs of which both have ended: how many runs diverged on each side, and where one side did more often.

    Seeds of one setting diverge alike, so settings are counted where there are enough of them, else seeds.
    """

    pairs: int
    level: int
    baseline: int
    more: int
    """Settings, or seeds, in which the level diverged more often than the baseline."""
    less: int
    units: int
    unit: Literal["setting", "seed"]

    @property
    def differs(self) -> bool:
        return self.more != self.less

    @property
    def p(self) -> float | None:
        """Exact sign test over the units; None where so few could not reach alpha."""
        return stats.sign_test(self.less, self.more)


@dataclasses.dataclass(frozen=True)
class Effect:
    """One level of a factor against another."""

    factor: str
    level: str
    baseline: str
    values: tuple[float, ...]
    """Level less baseline: one for each setting, the mean over its seeds; with fewer than FEW settings one a seed."""
    unit: Literal["setting", "seed"]
    interval: stats.Interval
    settings: int
    seeds: tuple[int, int]
    """The fewest and the most seeds of a setting."""
    better: int
    """Settings, or seeds, in which the level is better."""
    worse: int
    mixed: bool
    """Clearly better in some settings and clearly worse in others."""
    divergence: Divergence
    ranked: tuple[int, int]
    """Settings in which the level is better and worse when a diverged run ranks last; seeds, where these are few."""
    ranked_unit: Literal["setting", "seed"]
    parameters: float
    """The level's over the baseline's, as a geometric mean over pairs."""
    seconds: stats.Interval
    """The log of the level's time over the baseline's, over pairs of one host with equal threads and kernels."""
    both: tuple[float, float] | None
    """The level's value and the baseline's, where each is the same in all pairs."""
    planned: int
    """Pairs that there would be if every run had finished."""
    pairs: pd.DataFrame = dataclasses.field(compare=False, repr=False)
    """`block seed row base difference`: the runs behind all this, by their rows."""
    adjusted: float = math.nan
    """p by Holm over the family."""
    family: int = 0

    def finding(self, margin: float) -> Finding:
        """What the differences show, by their interval; one within the margin is small, and may be equivalence."""
        if not self.values:
            return "none"
        if len(self.values) < FEW:
            return "single" if len(self.values) == 1 else "two"
        if self.interval.flat:
            return "constant" if self.interval.mean else "same"
        if self.mixed:
            return "mixed"
        if self.adjusted < stats.ALPHA:
            near, far = sorted((abs(self.interval.low), abs(self.interval.high)))
            return "clear" if near >= margin else "small" if far < margin else "differs"
        return "equivalent" if stats.equivalent(self.values, margin) else "undecided"


class MatchedRuns:
    """The runs of one factor laid out for pairing; `blocks` are all other settings.

    `settings`: whether the settings are a random sample: with too few seeds the interval is taken over them.
    """

    def __init__(self, runs: Runs, factor: Factor, metric: MetricColumn, rows: Any = None, settings: bool = False):
        self.drawn = settings or (runs.random and bool(runs.searched - {factor.key}))
        self.runs, self.factor, self.metric = runs, factor, metric
        self.table = pd.DataFrame(
            {
                "block": runs.blocks(factor),
                "sampled": runs.codes([key for key in runs.sampled if key != factor.key]),
                "seed": runs.column("seed"),
                "level": factor.column,
                "value": runs.values(metric.name),
                "state": runs.frame["state"].to_numpy(),
                "parameters": runs.column("parameters"),
                "seconds": runs.column("seconds"),
                "timed": runs.frame["env:timed"].to_numpy(object) if "env:timed" in runs.frame else "",
                "row": np.arange(len(runs.frame)),
            }
        )
        if rows is not None:
            self.table = self.table[rows]
        self.table = self.table[self.table["level"] >= 0]
        self.by_level = dict(tuple(self.table.groupby("level")))

    def against(self, baseline: str) -> list[Effect]:
        """Every other level against the baseline; one family of tests."""
        return adjusted(self.effects(baseline))

    def effects(self, baseline: str) -> list[Effect]:
        """Every other level against the baseline, not adjusted."""
        return [self.effect(level, baseline) for level in self.factor.levels if level != baseline]

    def effect(self, level: str, baseline: str) -> Effect:
        """One level against another, not adjusted."""
        codes = self.factor.levels.index(level), self.factor.levels.index(baseline)
        mine, theirs = (self.by_level.get(code, self.table.iloc[:0]) for code in codes)
        pairs = mine.merge(theirs, on=["block", "seed"], suffixes=("", "_base"))
        done = pairs[np.isfinite(pairs["value"]) & np.isfinite(pairs["value_base"])]
        done = done.assign(difference=done["value"] - done["value_base"])
        values, unit = self._units(done)
        sides = [stats.t_interval(done[f"value{side}"].to_numpy(), least=2) for side in ("", "_base")]
        scale = float(done[["value", "value_base"]].abs().to_numpy().mean()) if len(done) else 0.0
        signed = np.array(values) * self.metric.sign
        return Effect(
            factor=self.factor.key,
            level=level,
            baseline=baseline,
            values=tuple(values),
            unit=unit,
            interval=stats.t_interval(values, least=FEW, scale=scale),
            settings=int(done["block"].nunique()),
            seeds=_seeds(done),
            better=int((signed < 0).sum()),
            worse=int((signed > 0).sum()),
            mixed=_mixed(done),
            divergence=_divergence(pairs),
            ranked=self._ranked(pairs),
            ranked_unit=_unit(_ended(pairs)),
            parameters=_ratio(done, "parameters"),
            seconds=_times(done),
            both=(sides[0].mean, sides[1].mean) if all(side.flat for side in sides) else None,
            planned=len(pairs),
            pairs=done[["block", "seed", "row", "row_base", "difference"]].rename(columns={"row_base": "base"}),
        )

    def _units(self, done: pd.DataFrame) -> tuple[list[float], Literal["setting", "seed"]]:
        """What the interval is over: seeds, or the values of settings that stand for others as the user says."""
        if self.runs.sampled:
            return [float(value) for value in done.groupby("sampled")["difference"].mean()], "setting"
        values, unit = _units(done)
        if self.drawn and unit == "seed" and len(values) < FEW <= done["block"].nunique():
            return [float(value) for value in done.groupby("block")["difference"].mean()], "setting"
        return values, unit

    def _ranked(self, pairs: pd.DataFrame) -> tuple[int, int]:
        """Settings (or seeds, where settings are few) won and lost when a diverged run ranks last."""
        ended = _ended(pairs)
        worst = math.inf * self.metric.sign
        mine, theirs = (
            np.where(ended[f"state{side}"] == "diverged", worst, ended[f"value{side}"]) for side in ("", "_base")
        )
        with np.errstate(invalid="ignore"):
            won = np.nan_to_num(np.sign((theirs - mine) * self.metric.sign))
        group = ended[COLUMNS[_unit(ended)]]
        totals = pd.Series(won).groupby(group.to_numpy()).sum()
        return int((totals > 0).sum()), int((totals < 0).sum())


def _units(done: pd.DataFrame) -> tuple[list[float], Literal["setting", "seed"]]:
    """What the interval is over: seeds, each with its mean over the settings; settings where they share no seed.

    A seed has a similar effect in all settings, so settings of the same seeds are no independent repetitions.
    """
    if done["block"].nunique() > 1 and not _share_seeds(done):
        return [float(value) for value in done.groupby("block")["difference"].mean()], "setting"
    return [float(value) for value in grid(done).groupby("seed")["difference"].mean()], "seed"


def _share_seeds(pairs: pd.DataFrame) -> bool:
    return bool(pairs.groupby("seed")["block"].nunique().gt(1).any())


def grid(pairs: pd.DataFrame) -> pd.DataFrame:
    """The largest part of these pairs in which each setting has each seed: with FEW seeds or more if there is one.

    A seed's mean over the settings can be compared with another seed's only if both have the same settings.
    """
    has = pairs.pivot_table(index="block", columns="seed", values="difference", aggfunc="size").notna()
    if has.to_numpy().all():
        return pairs
    order = has.sum().sort_values(ascending=False, kind="stable").index
    found = []
    for n in range(1, len(order) + 1):
        whole = has.index[has[order[:n]].all(axis=1)]
        found.append((n >= FEW and len(whole) > 0, n * len(whole), list(order[:n]), list(whole)))
    _, _, seeds, blocks = max(found, key=lambda each: each[:2])
    return pairs[pairs["seed"].isin(seeds) & pairs["block"].isin(blocks)]


def _seeds(done: pd.DataFrame) -> tuple[int, int]:
    counts = done.groupby("block")["seed"].nunique()
    return (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)


def _mixed(done: pd.DataFrame) -> bool:
    """Whether some settings by themselves are clearly better and others clearly worse (Holm over the settings)."""
    groups = done.groupby("block")["difference"].agg(["mean", "std", "count"])
    rounding = stats.ROUNDING * done["value"].abs().groupby(done["block"]).mean()
    groups = groups[(groups["count"] >= FEW) & (groups["std"] > rounding)]
    if len(groups) < 2 or not (groups["mean"] > 0).any() or not (groups["mean"] < 0).any():
        return False
    error = groups["std"] / np.sqrt(groups["count"])
    p = [stats.two_sided(t, n - 1) for t, n in zip(groups["mean"] / error, groups["count"], strict=True)]
    clear = groups["mean"][np.array(stats.holm(p)) < stats.ALPHA]
    return bool((clear > 0).any() and (clear < 0).any())


def _ended(pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs of which each run is diverged, or complete with a value."""
    known = [
        (pairs[f"state{side}"] == "diverged") | np.isfinite(pairs[f"value{side}"].astype(float))
        for side in ("", "_base")
    ]
    return pairs[known[0] & known[1]]


def _divergence(pairs: pd.DataFrame) -> Divergence:
    ended = _ended(pairs)
    unit = _unit(ended)
    mine, theirs = ended["state"] == "diverged", ended["state_base"] == "diverged"
    excess = (mine.astype(int) - theirs.astype(int)).groupby(ended[COLUMNS[unit]].to_numpy()).sum()
    counts = int((excess > 0).sum()), int((excess < 0).sum()), len(excess)
    return Divergence(len(ended), int(mine.sum()), int(theirs.sum()), *counts, unit)


COLUMNS = {"setting": "block", "seed": "seed"}


def _unit(pairs: pd.DataFrame) -> Literal["setting", "seed"]:
    """What counts once: a setting where there are enough of them, else a seed."""
    return "setting" if pairs["block"].nunique() >= FEW else "seed"


def _times(done: pd.DataFrame) -> stats.Interval:
    alike = done[(done["timed"] == done["timed_base"]) & (done["seconds"] > 0) & (done["seconds_base"] > 0)]
    logs = np.log(alike["seconds"].to_numpy(float)) - np.log(alike["seconds_base"].to_numpy(float))
    by_setting = alike.assign(difference=logs).groupby("block")["difference"].mean().to_numpy()
    return stats.t_interval(by_setting if len(by_setting) >= FEW else logs, least=FEW)  # seeds do not time alike


def _ratio(done: pd.DataFrame, name: str) -> float:
    ratios = (done[name] / done[f"{name}_base"]).replace([0, np.inf], np.nan).dropna()
    return float(np.exp(np.log(ratios).mean())) if len(ratios) else math.nan


def adjusted(effects: list[Effect]) -> list[Effect]:
    """The effects with Holm's p over all of them that have a test."""
    corrected = stats.holm([effect.interval.p for effect in effects])
    family = sum(math.isfinite(p) for p in corrected)
    return [dataclasses.replace(e, adjusted=p, family=family) for e, p in zip(effects, corrected, strict=True)]


# What is counted -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class RunCounts:
    """How many runs a table is about, and why each of the others is not in it."""

    total: int
    used: int
    left_out: Counter[str]

    def __post_init__(self) -> None:
        assert self.used + sum(self.left_out.values()) == self.total, "every run is counted once"

    def __str__(self) -> str:
        if not self.left_out:
            return f"All {self.total} runs."
        told = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return f"{self.used} of {self.total} runs; left out: {told}."


def run_counts(
    runs: Runs, used: Sequence[int] | Any, metric: str | None = None, other: str = "of other settings"
) -> RunCounts:
    """Accounts for every run: used, or left out by its state, for want of the metric, or for the `other` reason."""
    inside = np.zeros(len(runs.frame), bool)
    inside[np.asarray(used, int)] = True
    reasons = runs.frame["state"].to_numpy(object).copy()
    if metric is not None:
        reasons[(reasons == "complete") & ~np.isfinite(runs.values(metric))] = f"without {metric}"
    reasons[reasons == "complete"] = other
    return RunCounts(len(inside), int(inside.sum()), Counter(reasons[~inside]))


# Equal parameters, equal time ------------------------------------------------------------------------------------


def at_equal(
    runs: Runs, factor: Factor, along: Factor, cost: str, metric: MetricColumn, level: str, baseline: str
) -> tuple[list[float], Literal["setting", "seed"]]:
    """Differences at equal cost: the baseline's metric interpolated along its sizes, linear in the log of the cost.

    At each size of the level whose cost lies within the baseline's range, for each seed and each of the other
    settings; then averaged and taken by unit as pairs are.
    """
    frame = pd.DataFrame(
        {
            "block": runs.blocks(factor, *along.keys),
            "seed": runs.column("seed"),
            "level": factor.column,
            "size": along.column,
            "value": runs.values(metric.name),
            "cost": np.log(np.where(runs.column(cost) > 0, runs.column(cost), np.nan)),
        }
    ).dropna()
    frame = frame[(frame["level"] >= 0) & (frame["size"] >= 0)]
    mine, theirs = (frame[frame["level"] == factor.levels.index(name)] for name in (level, baseline))
    theirs = theirs.sort_values("cost", kind="stable")
    known: dict[Any, tuple[NDArray[Any], NDArray[Any]]] = {
        key: (part["cost"].to_numpy(), part["value"].to_numpy()) for key, part in theirs.groupby(["block", "seed"])
    }
    nothing: tuple[NDArray[Any], NDArray[Any]] = (np.empty(0), np.empty(0))
    found = []
    for key, part in mine.groupby(["block", "seed"]):
        costs, values = known.get(key, nothing)
        if len(costs) < 2:
            continue
        amount, value = part["cost"].to_numpy(), part["value"].to_numpy()
        inside = (amount >= costs[0]) & (amount <= costs[-1])
        if inside.any():
            gap = value[inside] - np.interp(amount[inside], costs, values)
            found.append({"block": key[0], "seed": key[1], "difference": float(gap.mean())})
    return _units(pd.DataFrame(found, columns=["block", "seed", "difference"]))
