"""Matches the runs of one factor: the two runs of a pair have the same other settings and the same seed."""

import copy
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.report import evaluated, stats
from rnnsweep.report.divergence import count_divergence
from rnnsweep.report.effects import Effect, adjusted
from rnnsweep.report.factor import Factor
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.pairs import (
    COLUMNS,
    FEW,
    Unit,
    counted_unit,
    ended_pairs,
    independent_means,
    is_mixed,
    seeds_per_setting,
)
from rnnsweep.report.runs import Runs


class MatchedRuns:
    """The runs of one factor, ready to be matched.

    Args:
        runs: The runs of the task.
        factor: The factor whose levels are compared.
        metric: The metric that they are compared by.
        rows: For each run whether to use it, of shape (runs,); None for all.
        settings: Whether the other settings are a random sample. Then intervals are over settings if there are too few
            seeds.
    """

    def __init__(self, runs: Runs, factor: Factor, metric: MetricColumn, rows: Any = None, settings: bool = False):
        self.drawn = settings or (runs.random and bool(runs.searched - {factor.key}))
        self.runs, self.factor, self.metric = runs, factor, metric
        self.sampled = [key for key in runs.sampled if key not in factor.keys]
        self.table = pd.DataFrame(
            {
                "block": runs.settings.blocks(factor),
                "sampled": runs.settings.codes(self.sampled),
                "seed": runs.column("seed"),
                "level": factor.column,
                "value": runs.values(metric.name),
                "state": runs.frame["state"].to_numpy(),
                "parameters": runs.column("parameters"),
                "seconds": runs.column("seconds"),
                "timed": runs.frame["env:timed"].to_numpy(object) if "env:timed" in runs.frame else "",
                "evaluated": runs.evaluated_on,
                "row": np.arange(len(runs.frame)),
            }
        )
        if rows is not None:
            self.table = self.table[rows]
        self.table = self.table[self.table["level"] >= 0]
        self.by_level = dict(tuple(self.table.groupby("level")))

    def within(self, rows: NDArray[Any]) -> "MatchedRuns":
        """The same comparison, of some of the runs only.

        Args:
            rows: For each run of the task whether to use it, of shape (runs,).
        """
        part = copy.copy(self)
        part.table = self.table[rows[self.table["row"]]]
        part.by_level = dict(tuple(part.table.groupby("level")))
        return part

    def against(self, baseline: str) -> list[Effect]:
        """The effect of every other level against a baseline, corrected as one family of tests.

        Args:
            baseline: The level to compare with, as text.

        Returns:
            An effect for each other level, in the order of the levels.
        """
        return adjusted(self.effects(baseline))

    def effects(self, baseline: str) -> list[Effect]:
        """The effect of every other level against a baseline, not corrected.

        Args:
            baseline: The level to compare with, as text.

        Returns:
            An effect for each other level, in the order of the levels.
        """
        return [self.effect(level, baseline) for level in self.factor.levels if level != baseline]

    def effect(self, level: str, baseline: str) -> Effect:
        """The effect of one level against another, not corrected.

        Args:
            level: A level of the factor, as text.
            baseline: The level to compare it with.

        Returns:
            The effect, from all pairs of runs that differ in the factor only.
        """
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
            seeds=seeds_per_setting(done),
            better=int((signed < 0).sum()),
            worse=int((signed > 0).sum()),
            mixed=is_mixed(done),
            divergence=count_divergence(pairs),
            ranked=self._ranked(pairs),
            ranked_unit=counted_unit(ended_pairs(pairs)),
            parameters=_ratio(done, "parameters"),
            seconds=_times(done),
            both=(sides[0].mean, sides[1].mean) if all(side.flat for side in sides) else None,
            planned=len(pairs),
            alike=evaluated.alike(done["evaluated"], done["evaluated_base"]),
            pairs=done[["block", "seed", "row", "row_base", "difference"]].rename(columns={"row_base": "base"}),
        )

    def _units(self, done: pd.DataFrame) -> tuple[list[float], Unit]:
        """The independent differences and what each is of: a seed, a setting, or a value that the user calls random."""
        if self.sampled:
            return [float(value) for value in done.groupby("sampled")["difference"].mean()], "setting"
        values, unit = independent_means(done)
        if self.drawn and unit == "seed" and len(values) < FEW <= done["block"].nunique():
            return [float(value) for value in done.groupby("block")["difference"].mean()], "setting"
        return values, unit

    def _ranked(self, pairs: pd.DataFrame) -> tuple[int, int]:
        """The numbers of units (settings, or seeds if there are few) won and lost if a diverged run ranks last."""
        ended = ended_pairs(pairs)
        worst = math.inf * self.metric.sign
        mine, theirs = (
            np.where(ended[f"state{side}"] == "diverged", worst, ended[f"value{side}"]) for side in ("", "_base")
        )
        with np.errstate(invalid="ignore"):
            won = np.nan_to_num(np.sign((theirs - mine) * self.metric.sign))
        group = ended[COLUMNS[counted_unit(ended)]]
        totals = pd.Series(won).groupby(group.to_numpy()).sum()
        return int((totals > 0).sum()), int((totals < 0).sum())


def _times(done: pd.DataFrame) -> stats.Interval:
    """The log of the ratio of the times, over pairs that were timed on equal terms."""
    alike = done[(done["timed"] == done["timed_base"]) & (done["seconds"] > 0) & (done["seconds_base"] > 0)]
    logs = np.log(alike["seconds"].to_numpy(float)) - np.log(alike["seconds_base"].to_numpy(float))
    by_setting = alike.assign(difference=logs).groupby("block")["difference"].mean().to_numpy()
    return stats.t_interval(
        by_setting if len(by_setting) >= FEW else logs, least=FEW
    )  # a seed does not make runs faster


def _ratio(done: pd.DataFrame, name: str) -> float:
    ratios = (done[name] / done[f"{name}_base"]).replace([0, np.inf], np.nan).dropna()
    return float(np.exp(np.log(ratios).mean())) if len(ratios) else math.nan
