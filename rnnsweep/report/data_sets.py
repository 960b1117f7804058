"""Runs with equal settings that were trained on other data: a file was changed, or is another one elsewhere.

Such runs are not repetitions. The hash of their data is then one of their settings, `task.data_hash`.
"""

from collections.abc import Sequence

import pandas as pd

from rnnsweep.record import data_sets
from rnnsweep.record.data_sets import DataSet
from rnnsweep.report.run_row import UNSET

COLUMN = "task.data_hash"


def of(frame: pd.DataFrame) -> "pd.Series[DataSet]":
    """The data of each run, with the index of the runs.

    Args:
        frame: A row for each run, as `collect` returns them.
    """
    nothing = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    columns = [frame.get(name, nothing) for name in ("seed", "env:source", "env:data")]
    known = zip(*(column.where(column.notna(), None) for column in columns), strict=True)
    return pd.Series([DataSet(*each) for each in known], index=frame.index, dtype=object)


def told_apart(frame: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """The runs, with the column `task.data_hash` if some differ in their data alone.

    Args:
        frame: A row for each run.
        settings: The columns that are settings; the seed is not among them.
    """
    data = of(frame)
    data = data[[each.content is not None for each in data]]
    tasks = [runs for _, runs in data.groupby(frame["task"]) if data_sets.differ(runs)]
    if not tasks:
        return frame
    keys = [name for name in settings if name.startswith("task.") or name not in _execution(frame)]
    same = frame.loc[data.index, keys].map(repr).agg("\0".join, axis=1)
    shown = pd.Series(UNSET, index=frame.index, dtype=object)
    for runs in tasks:
        if any(any(data_sets.names([*alike])) for _, alike in runs.groupby(same)):
            shown.update(pd.Series(data_sets.names([*runs]), index=runs.index, dtype=object))
    return frame if shown.eq(UNSET).all() else frame.assign(**{COLUMN: shown})


def _execution(frame: pd.DataFrame) -> set[str]:
    """Settings that change no result."""
    return {key for keys in frame.get("env:execution", pd.Series(dtype=object)).dropna() for key in keys}


def warning(frame: pd.DataFrame) -> list[str]:
    """What a reader should know of runs that differ in their data alone."""
    if COLUMN not in frame:
        return []
    tasks = frame.loc[frame[COLUMN] != UNSET, "task"]
    return [
        f"Runs of {task} with equal settings were trained on different data, as on a file that has changed: "
        f"{COLUMN} tells them apart."
        for task in tasks.unique()
    ]
