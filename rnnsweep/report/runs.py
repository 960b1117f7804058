"""The runs of one task: their settings, and their results."""

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.errors import ReportError
from rnnsweep.planned import STATES
from rnnsweep.record.data_sets import differ
from rnnsweep.report import evaluated
from rnnsweep.report.declared import DeclaredMetrics
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.varying import VaryingSettings

OVER = ("complete", "diverged", "pruned", "failed")
"""The states of runs that are over."""


class Runs:
    """The runs of one task.

    Args:
        frame: The rows of these runs, as `collect` returns them.
        searched: Keys that some search drew.
        random: Whether all searches drew at random.
        mixed: Whether some studies are searches and others are not.
        study: The study that all these runs are of, if the report treats studies separately.
        sampled: Keys that the user names with `--random`.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        searched: Sequence[str] = (),
        random: bool = True,
        mixed: bool = False,
        study: str = "",
        sampled: Sequence[str] = (),
    ):
        self.frame = frame.reset_index(drop=True)
        self.random, self.mixed = random, mixed
        self.learned = str(frame["task"].iloc[0])
        self.task = f"{study}: {self.learned}" if study not in ("", self.learned) else self.learned
        """The name of these runs' section in the report."""
        self.searched = set(searched)
        self.sampled = tuple(key for key in sampled if key in frame)
        """Settings whose values are a random sample of more values, as the user says."""
        self.declared = DeclaredMetrics(frame)
        self.complete = (self.frame["state"] == "complete").to_numpy()
        self.ranked: dict[str, Any] = {}
        """The entries of the leaderboard by metric; `setting_ranks.ranked_entries` fills it."""
        self._columns: dict[str, NDArray[Any]] = {}
        self.settings = VaryingSettings(self.frame, searched, self.task)
        self.factors = self.settings.factors
        self._derive()
        self.frame["setting"] = self.settings.of_runs
        over = self.settings.of_runs[self.frame["state"].isin(OVER).to_numpy()]
        self.tried = np.isin(self.settings.of_runs, over) & (self.settings.of_runs >= 0)
        """For each run whether its setting was tried: whether one run of the setting, of any seed, is over."""

    def _derive(self) -> None:
        """Adds two metrics: `val/gap` and `val/overfit`.

        `val/gap` is the validation loss minus the training loss, both of the best weights. The training loss is that of
        a fixed part of the data without dropout; a run that has no such loss has no gap. `val/overfit` is how much
        the validation loss rises after the best weights.
        """
        last, best, train = (self.column(name) for name in ("last:val/loss", "val/loss", "train/loss"))
        for name, values in (("val/gap", best - train), ("val/overfit", last - best)):
            if np.isfinite(values).any():
                self.frame[name] = values

    def counts(self, rows: Any = slice(None)) -> Counter[str]:
        """Runs by state, in the order of STATES."""
        found = Counter(self.frame.loc[rows, "state"])
        return Counter({state: found[state] for state in STATES if found[state]})

    def values(self, metric: str) -> NDArray[Any]:
        """The metric of each complete run; NaN for all others, also for diverged ones."""
        column = self.column(metric)
        found: NDArray[Any] = np.where(self.complete, column, np.nan)
        return found

    def column(self, name: str) -> NDArray[Any]:
        """A column as numbers; read it, do not change it."""
        if name not in self._columns:
            known = name in self.frame
            found = pd.to_numeric(self.frame[name], errors="coerce").to_numpy(float) if known else None
            self._columns[name] = np.full(len(self.frame), np.nan) if found is None else found
        return self._columns[name]

    @functools.cached_property
    def packages(self) -> tuple[str, ...]:
        """The user's packages, as the configs name them."""
        named = self.frame["env:packages"].dropna() if "env:packages" in self.frame else ()
        return tuple(dict.fromkeys(package for packages in named for package in packages))

    @functools.cached_property
    def timed_alike(self) -> bool:
        """Whether all complete runs were timed on one host, with equal threads and kernels."""
        return "env:timed" not in self.frame or self.frame.loc[self.complete, "env:timed"].nunique() <= 1

    @functools.cached_property
    def evaluated_on(self) -> NDArray[Any]:
        """What each run was evaluated on; see `evaluated.on`."""
        return evaluated.on(self.frame)

    @functools.cached_property
    def evaluated_alike(self) -> bool:
        """Whether all complete runs were evaluated on the same data and symbols, as far as it is known."""
        return not differ(self.evaluated_on[self.complete])

    @property
    def metrics(self) -> list[str]:
        """The metrics that at least one complete run has."""
        complete = self.frame[self.frame["state"] == "complete"]
        names = [name for name in self.frame.columns if "/" in name and not name.startswith(("last:", "env:"))]
        return [name for name in names if complete[name].notna().any()]

    def metric(self, name: str | None) -> MetricColumn:
        """The metric of this name.

        Args:
            name: Such as `val/accuracy`; None for the validation loss, which also chose the best weights.

        Raises:
            ReportError: No run has it, or no record says which direction is better.
        """
        known = self.metrics
        extra = [extra for extra in ("parameters", "seconds") if np.isfinite(self.values(extra)).any()]
        if name is None:
            name = "val/loss" if "val/loss" in known or not known else known[0]
        elif name not in known + extra:
            there = f"these runs have {', '.join(known + extra)}" if known + extra else "none of its runs is complete"
            raise ReportError(f"--metric {name}: no run of task {self.task} has it; {there}")
        return MetricColumn(name, self.unit(name), self.lower(name))

    def unit(self, name: str) -> str:
        """The unit of a metric, as the records declare it."""
        return self.declared.unit(name)

    def lower(self, name: str) -> bool:
        """Whether a lower value of a metric is better, as the records declare it.

        Raises:
            ReportError: They do not declare it.
        """
        return self.declared.lower(name)


def refuse_constant(option: str, keys: Iterable[str], tasks: Sequence[Runs]) -> None:
    """Refuses a key that varies in no task.

    Args:
        option: The option by which the user named the keys.
        keys: The keys.
        tasks: The runs of each task.

    Raises:
        ReportError: It names the option, the key, and the keys that vary.
    """
    for key in keys:
        if not any(runs.settings.varies(key) for runs in tasks):
            tasks[0].settings.factor(key, option)
