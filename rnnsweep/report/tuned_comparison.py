"""Differences of tuned arms from the baseline and from the leader, paired by seed, with one correction for all."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep import looks
from rnnsweep.report import stats
from rnnsweep.report.arms import Tuning
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.pairs import FEW, balanced
from rnnsweep.report.runs import Runs
from rnnsweep.report.tuned_arm import Choice, TunedArm


@dataclasses.dataclass(frozen=True)
class ArmComparison:
    """One arm against another; on the test part, if the runs have its metrics."""

    arm: TunedArm
    other: TunedArm
    values: tuple[float, ...]
    """Arm minus other: for each paired seed the mean over conditions; or the mean for each level of a random one."""
    unit: str
    """`seed`, or the key of a random condition."""
    seeds: tuple[float, ...]
    interval: stats.Interval
    confirmed: bool
    """Whether all compared seeds are fresh, and there are FEW or more of them."""
    by_condition: dict[int, float]
    """The mean difference under each condition. How it varies is an interaction, not an error."""
    look: looks.Look | None = None
    """The result of the planned look, if the study planned looks."""
    adjusted: float = math.nan
    """Holm's p over all tuned comparisons of the report."""
    family: int = 0
    """The number of tests that were corrected together."""

    @property
    def p(self) -> float:
        """The p of the planned look, if there was one; else Holm's."""
        return self.look.p if self.look else self.adjusted

    @property
    def clear(self) -> bool:
        """Whether the test shows a difference: by Holm's p, or at the level of the planned look."""
        return self.look.verdict == "differs" if self.look else self.adjusted < stats.ALPHA

    @property
    def lacks_seeds(self) -> bool:
        """Whether a seed of the planned look has no value, because a run diverged: the comparison then stays open."""
        return self.look is not None and not math.isfinite(self.look.p)

    @property
    def holds_zero(self) -> bool:
        """Whether the interval contains zero, or there is no interval or no verdict: which arm is better is open."""
        return self.lacks_seeds or not (self.interval.flat or self.interval.low > 0 or self.interval.high < 0)

    @property
    def spread(self) -> tuple[float, float] | None:
        """The smallest and the largest difference over the conditions."""
        found = list(self.by_condition.values())
        return (min(found), max(found)) if len(found) > 1 else None


@dataclasses.dataclass(frozen=True)
class TunedComparison:
    """The tuned comparison of one task."""

    runs: Runs
    tuning: Tuning
    metric: MetricColumn
    """The metric that arms are compared by: the one that chose the settings, but on the test part."""
    leader: TunedArm
    """The best arm on validation."""
    baseline: TunedArm | None
    """The baseline arm; None if looks were planned, because these compare with the leader only."""
    comparisons: tuple[ArmComparison, ...]

    def find(self, arm: TunedArm, other: TunedArm) -> ArmComparison | None:
        return next((c for c in self.comparisons if c.arm is arm and c.other is other), None)


def compare_arms(runs: Runs, tuning: Tuning, baselines: dict[str, str]) -> TunedComparison | None:
    """The tuned comparison of one task, not corrected yet.

    Args:
        runs: The runs of the task.
        tuning: Its arms at their best settings.
        baselines: The baseline level of each factor, by key.

    Returns:
        The comparison; None if fewer than two arms have a best setting.
    """
    ranked = tuning.ranked
    if len(ranked) < 2:
        return None
    chosen, leader = tuning.metric, ranked[0]
    judged = chosen.tested if chosen.tested in runs.metrics else chosen.name
    metric = dataclasses.replace(chosen, name=str(judged), unit=runs.unit(str(judged)))
    wanted = tuple(baselines.get(factor.key, "") for factor in tuning.design.compared)
    baseline = next((arm for arm in ranked if arm.levels == wanted), None)
    if tuning.design.plan is not None and tuning.design.plan.looks:
        baseline = None  # the plan divides the error rate among the comparisons with the leader only
    pairs = [(arm, baseline) for arm in ranked if baseline and arm is not baseline]
    pairs += [(arm, leader) for arm in ranked if leader not in (arm, baseline) and arm is not baseline]
    found = [_compare(runs, tuning, metric, arm, other) for arm, other in pairs]
    return TunedComparison(runs, tuning, metric, leader, baseline, tuple(found))


def _compare(runs: Runs, tuning: Tuning, metric: MetricColumn, arm: TunedArm, other: TunedArm) -> ArmComparison:
    fresh, number = _pairs(runs, metric, arm, other, fresh=True), None
    if tuning.design.plan is not None and tuning.design.plan.looks and not tuning.design.random:
        number = _last_look(tuning, arm, other)
        looked = 0 if number is None else tuning.design.plan.looks[number]
        fresh = fresh[fresh["seed"].isin(tuning.design.plan.fresh(looked))]
    confirmed = fresh["seed"].nunique() >= FEW
    pairs = fresh if confirmed else _pairs(runs, metric, arm, other, fresh=False)
    random = tuning.design.random
    kept, unit = balanced(pairs), "seed"
    values = kept.groupby("seed")["difference"].mean()
    if random:
        level = runs.settings.codes(random)[kept["row"].to_numpy(int)] if len(kept) else []
        values, unit = kept.groupby(np.asarray(level))["difference"].mean(), random[0]
    scale = float(np.abs(runs.values(metric.name)[pairs["row"].to_numpy(int)]).mean()) if len(pairs) else 0.0
    interval = stats.t_interval(values.to_numpy(), least=FEW, scale=scale)
    seeds = tuple(sorted(kept["seed"].unique()))
    by_condition = kept.groupby("block")["difference"].mean().to_dict()
    look = _look(tuning, values.to_numpy(), number) if confirmed and interval.known and number is not None else None
    if look is not None:
        interval = dataclasses.replace(interval, low=look.low, high=look.high)
    return ArmComparison(arm, other, tuple(map(float, values)), unit, seeds, interval, confirmed, by_condition, look)


def _pairs(runs: Runs, metric: MetricColumn, arm: TunedArm, other: TunedArm, fresh: bool) -> pd.DataFrame:
    """`block seed row difference`: the paired runs of both arms, under each condition that both arms have."""
    values = runs.values(metric.name)

    def seeds(choice: Choice) -> dict[float, int]:
        return choice.fresh if fresh else choice.runs

    found = [
        (condition, seed, row, values[row] - values[seeds(other.choices[condition])[seed]])
        for condition, choice in arm.choices.items()
        if condition in other.choices
        for seed, row in seeds(choice).items()
        if seed in seeds(other.choices[condition])
    ]
    return pd.DataFrame(found, columns=["block", "seed", "row", "difference"]).dropna()


def _last_look(tuning: Tuning, arm: TunedArm, other: TunedArm) -> int | None:
    """The newest planned look of which all runs of both arms are over; None if there is none.

    Between two looks nothing is decided: a test whenever one looks would find a difference too often.
    """
    plan = tuning.design.plan
    assert plan is not None
    over = [
        {*tuning.seeds[tuning.over & (tuning.settings == each.choices[condition].setting)]}
        for condition in arm.choices.keys() & other.choices.keys()
        for each in (arm, other)
    ]
    done = [number for number, count in enumerate(plan.looks) if all(seeds >= {*plan.fresh(count)} for seeds in over)]
    return max(done, default=None)


def _look(tuning: Tuning, values: NDArray[Any], number: int) -> looks.Look:
    """The result of a planned look. A seed without a value leaves it open: its run diverged, which is no good result.

    Without that seed the test would favour an arm that often diverges.
    """
    plan = tuning.design.plan
    assert plan is not None
    found = looks.look(values, number, len(tuning.ranked), plan.margin if plan.margin is not None else 0.0)
    whole = len(values) == plan.looks[number]
    return found if whole else dataclasses.replace(found, p=math.nan, verdict="open")


def adjusted(tasks: Sequence[TunedComparison | None]) -> list[TunedComparison | None]:
    """The tuned comparisons of a report with Holm's p, corrected over all that have no planned look.

    Args:
        tasks: The tuned comparison of each task, or None.
    """
    every = [c for each in tasks if each for c in each.comparisons]
    corrected = stats.holm([math.nan if c.look else c.interval.p for c in every])
    family = sum(math.isfinite(p) for p in corrected)
    found = iter([dataclasses.replace(c, adjusted=p, family=family) for c, p in zip(every, corrected, strict=True)])
    return [
        dataclasses.replace(each, comparisons=tuple(next(found) for _ in each.comparisons)) if each else None
        for each in tasks
    ]
