"""The compared arms, each at its best setting.

The best setting is chosen on validation, over the seeds that all settings of the arm share.
"""

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.report import stats
from rnnsweep.report.design import Design
from rnnsweep.report.external import COLUMN
from rnnsweep.report.factor import Factor
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_labels import level_name
from rnnsweep.report.setting_ranks import ENOUGH
from rnnsweep.report.tuned_arm import Choice, Seeds, TunedArm


class Tuning:
    """The arms of one task, each at its best settings.

    Args:
        runs: The runs of the task.
        design: Which factors are compared and which are tuned.
        metric: The validation metric that chooses the settings.

    Attributes:
        arms: The arms, in the order of their levels.
        equal: Whether all arms have the same number of configurations under each condition.
    """

    def __init__(self, runs: Runs, design: Design, metric: MetricColumn):
        self.runs, self.design, self.metric = runs, design, metric
        self.values = runs.values(metric.name)
        self.seeds = runs.column("seed")
        self.settings = runs.frame["setting"].to_numpy()
        self.over = runs.frame["state"].isin(["complete", "diverged"]).to_numpy()
        self.condition = runs.settings.codes(design.conditions)
        self.trials = {each.trial for each in design.plan.chosen} if design.plan else set()
        self.names = runs.frame["run"].to_numpy(object)
        groups = self._groups()
        levels = list(dict.fromkeys(level for level, _ in groups))
        self.external = _external(runs)
        tried = {key: _count(self._tried(rows)) for key, rows in groups.items()}
        ours = {key: rows for key, rows in groups.items() if tried[key] and not self.external[rows].any()}
        own = {level for level, _ in ours}
        self.equal = all(len({tried.get((level, condition), 0) for level in own}) == 1 for _, condition in ours)
        least = {c: min((tried[key] for key in ours if key[1] == c), default=1) for _, c in groups}
        self.arms = [self._arm(level, groups, least) for level in levels]

    def _groups(self) -> dict[tuple[tuple[str, ...], int], NDArray[Any]]:
        """(levels, condition) -> rows: the runs of each arm under each condition, in the order of the levels."""
        factors, inside = self.design.compared, self.settings >= 0
        for factor in factors:
            inside = inside & (factor.column >= 0)
        codes = pd.DataFrame(np.stack([*(factor.column for factor in factors), self.condition], 1))[inside]
        found: dict[tuple[tuple[str, ...], int], NDArray[Any]] = {}
        for (*indices, condition), part in codes.groupby(list(codes)):
            levels = tuple(factor.levels[index] for factor, index in zip(factors, indices, strict=True))
            found[levels, int(condition)] = part.index.to_numpy()
        return found

    def _arm(
        self,
        levels: tuple[str, ...],
        groups: dict[tuple[tuple[str, ...], int], NDArray[Any]],
        least: dict[int, int],
    ) -> TunedArm:
        mine = {condition: rows for (level, condition), rows in groups.items() if level == levels}
        found = {condition: self._choice(rows, least[condition]) for condition, rows in mine.items()}
        choices = {condition: choice for condition, choice in found.items() if choice is not None}
        name = ", ".join(level_name(f.key, level) for f, level in zip(self.design.compared, levels, strict=True))
        every = [rows[self.runs.tried[rows]] for rows in mine.values()]
        counts = [_count(self._tried(rows)) for rows in mine.values()]
        return TunedArm(levels, name, choices, sum(counts), np.concatenate(every))

    def _tried(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The settings of some runs that were tried: those that were only planned, so far, chose nothing."""
        found: NDArray[Any] = self.settings[rows[self.runs.tried[rows]]]
        return found

    def _choice(self, rows: NDArray[Any], most: int) -> Choice | None:
        """The best of the first `most` settings of an arm under one condition; None if too few seeds finished."""
        codes = list(dict.fromkeys(self._tried(rows)))[:most]
        if not codes:
            return None
        by_setting = {int(code): rows[self.settings[rows] == code] for code in codes}
        common = self._common(by_setting)
        chosen = self._of_the_plan(by_setting)
        chosen = self._best(by_setting, common) if chosen is None else chosen
        if chosen is None:
            return None
        every = self._finished(by_setting[chosen])
        seen = common | self.design.seen
        fresh = {seed: row for seed, row in every.items() if common and seed not in seen}
        tuned = self.design.plan is not None and self.design.plan.tuning_seed is not None
        used = {seed: row for seed, row in every.items() if seed not in fresh and (seed in common or not tuned)}
        return Choice(chosen, used, fresh, len(by_setting), self._edges(chosen, by_setting))

    def _of_the_plan(self, by_setting: dict[int, NDArray[Any]]) -> int | None:
        """The setting that the tuned sweep itself chose; None if these runs are not of a tuned sweep."""
        return next((c for c, rows in by_setting.items() if self.trials & set(self.names[rows])), None)

    def _best(self, by_setting: dict[int, NDArray[Any]], common: set[float]) -> int | None:
        """The setting with the best mean over seeds, among those with ENOUGH finished seeds; None if none has."""
        able = self._able(by_setting, common)
        means = {code: float(np.mean(self.values[rows])) for code, rows in able.items()}
        return min(means, key=lambda code: means[code] * self.metric.sign, default=None)

    def _able(self, by_setting: dict[int, NDArray[Any]], common: set[float]) -> dict[int, list[int]]:
        """The settings with ENOUGH finished seeds, and for each the rows of the seeds that all of them have."""
        done = {code: self._finished(mine, common) for code, mine in by_setting.items()}
        wanted = {code: len(common) or len(set(self.seeds[mine])) for code, mine in by_setting.items()}
        able = {code: runs for code, runs in done.items() if runs and len(runs) >= ENOUGH * wanted[code]}
        shared = set.intersection(*({*runs} for runs in able.values())) if able else set()
        return {
            code: [row for seed, row in runs.items() if seed in shared or not shared] for code, runs in able.items()
        }

    def configurations(self, arm: TunedArm) -> list[list[list[int]]]:
        """The rows by which the settings of an arm are compared.

        Args:
            arm: One of the arms.

        Returns:
            For each condition a list with the rows of each setting; the rows are empty if too few seeds finished.
        """
        found = []
        for condition in np.unique(self.condition[arm.rows]):
            rows = arm.rows[self.condition[arm.rows] == condition]
            by_setting = {int(code): rows[self.settings[rows] == code] for code in dict.fromkeys(self.settings[rows])}
            able = self._able(by_setting, self._common(by_setting))
            found.append([able.get(code, []) for code in by_setting])
        return found

    def _common(self, by_setting: dict[int, NDArray[Any]]) -> set[float]:
        """The seeds that all settings have, finished or not; in a tuned sweep, the tuning seed only."""
        if self.design.plan is not None and self.design.plan.tuning_seed is not None:
            return {float(self.design.plan.tuning_seed)}
        return set.intersection(*({*self.seeds[rows]} for rows in by_setting.values()))

    def _finished(self, rows: NDArray[Any], seeds: Collection[float] = ()) -> Seeds:
        """The runs that have a value, by seed; only of the given seeds, if any are given."""
        return {
            float(self.seeds[row]): int(row)
            for row in rows
            if math.isfinite(self.values[row]) and (not seeds or self.seeds[row] in seeds)
        }

    def _edges(self, chosen: int, by_setting: dict[int, NDArray[Any]]) -> tuple[tuple[Factor, str], ...]:
        found = []
        for factor in self.design.tuned:
            if factor.numbers is None:
                continue
            codes = {code: int(factor.column[rows[0]]) for code, rows in by_setting.items()}
            tried = {index for index in codes.values() if index >= 0}
            if len(tried) > 1 and codes[chosen] in (min(tried), max(tried)):
                found.append((factor, "low" if codes[chosen] == min(tried) else "high"))
        return tuple(found)

    # The metric of a choice --------------------------------------------------------------------------------------

    def validation(self, choice: Choice) -> stats.Interval:
        """The validation metric of a choice, over the seeds that made it."""
        return stats.t_interval(self.values[list(choice.chosen_on.values())])

    def mean(self, arm: TunedArm) -> float:
        """The validation metric of an arm, as the mean over the conditions."""
        return float(np.mean([self.validation(choice).mean for choice in arm.choices.values()]))

    @property
    def ranked(self) -> list[TunedArm]:
        """The arms, the best on validation first. An arm is left out if a condition lacks a choice that others have."""
        conditions = {condition for arm in self.arms for condition in arm.choices}
        whole = [arm for arm in self.arms if arm.choices and set(arm.choices) == conditions]

        return sorted(whole, key=lambda arm: self.mean(arm) * self.metric.sign)


def _external(runs: Runs) -> NDArray[Any]:
    """Which runs are results of another program. How those were tuned is not known."""
    known = runs.frame[COLUMN] if COLUMN in runs.frame else [False] * len(runs.frame)
    return np.array(known, bool)


def _count(settings: NDArray[Any]) -> int:
    return len(np.unique(settings))
