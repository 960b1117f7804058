"""Runs as data frames: one row for each run, or one row for each value that a run logged. Imports no torch."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rnnsweep.errors import tell_once
from rnnsweep.record import RunStore
from rnnsweep.report.collect import UNSET, collect, is_setting

OUTCOMES = ("status", "seconds", "parameters", "steps")
CURVES = ("run", "step", "split", "metric", "value")


class Results(pd.DataFrame):  # type: ignore[misc]  # pandas has no annotations
    """A DataFrame with one row for each run. Select, group and plot it like any other.

    Columns:
        run, study, path: The run's name, its study's directory, and its own directory.
        task, cell, pooling, optimizer: The choice of each group.
        seed, cell.hidden_size, …: The settings. NaN if a setting is null, or if the run's cell, task or optimizer does
            not have it.
        status: complete, diverged, failed, pruned, interrupted, running or missing.
        seconds: The run's share of its stack's training time.
        parameters, steps: The number of trained parameters, and of training steps.
        val/loss, test/loss, …: The metrics of the weights with the lowest validation loss.
        last:val/loss, …: The metrics of the last step.
        error: Why the run has no result.
    """

    @property
    def _constructor(self) -> type["Results"]:
        return Results

    def curves(self, split: str | None = None, metric: str | None = None) -> pd.DataFrame:
        """What these runs logged during training, in long form: a row for each step, split and metric of each run.

        Args:
            split: `train`, `val` or `test`; None for all.
            metric: Such as `loss`; None for all.

        Returns:
            A frame with the columns `run step split metric value`; `curves.merge(results, on="run")` adds the settings.
        """
        found = curves(list(self["path"]), split, metric)
        return found.assign(run=self["run"].to_numpy()[found["run"]] if len(found) else found["run"])


def results(*paths: str | os.PathLike[str]) -> Results:
    """All planned runs of some studies, finished or not, each once.

    Args:
        paths: Directories with runs, such as `multirun/default`.

    Returns:
        A DataFrame with a row for each run, in the order of the plan; without those of retired levels, which is said.

    Raises:
        ReportError: A path does not exist, or there is no run below it.

    Example:
        >>> runs = rnnsweep.results("multirun/cell")
        >>> done = runs[runs["status"] == "complete"]
        >>> done.groupby(["cell", "optimizer.lr"])["test/loss"].agg(["mean", "std", "count"])
    """
    frame = collect([Path(path) for path in paths])
    for level, count in frame.attrs["retired"].items():
        tell_once(f"{level} is retired: {count} run{'s are' if count > 1 else ' is'} left out")
    return tidy(frame)


def tidy(frame: pd.DataFrame) -> Results:
    """The table that `collect` returns, without the columns that only the report needs."""
    named = frame.rename(columns={"state": "status"}).assign(error=frame["error"].fillna(frame["problem"]))
    settings = [name for name in frame if is_setting(name)]
    measured = [name for name in frame if "/" in name]
    names = ["run", "study", "path", "task", *settings, *OUTCOMES, *measured, "error"]
    return Results({name: _with_type(named[name]) for name in dict.fromkeys(names)})


def _with_type(column: pd.Series) -> pd.Series:
    """A column with the type of its values; NaN stands for a missing value."""
    known = [np.nan if value is None or value == UNSET else value for value in column]
    numbers = {type(value) for value in known} <= {int, float}
    return pd.Series(known, dtype=float if numbers and np.nan in known else None)


def curves(paths: Sequence[str], split: str | None = None, metric: str | None = None) -> pd.DataFrame:
    """What the runs in these directories logged, in long form. The column `run` is the index in `paths`."""
    found = []
    for place, path in enumerate(paths):
        for row in RunStore(Path(path)).rows():
            if split not in (None, row["split"]):
                continue
            names = row.keys() - {"step", "split"} if metric is None else {metric} & row.keys()
            found += [(place, row["step"], row["split"], name, row[name]) for name in sorted(names)]
    frame = pd.DataFrame(found, columns=list(CURVES))
    frame["value"] = pd.to_numeric(frame["value"], errors="coerce").astype(float)
    return frame
