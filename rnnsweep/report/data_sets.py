"""Runs with equal settings and seeds that were trained on other data: a file was changed, or is another one elsewhere.

Such runs are not repetitions. The hash of their data is then one of their settings, `task.data_hash`.
"""

import pandas as pd

from rnnsweep.report.run_row import UNSET

COLUMN = "task.data_hash"
DIGITS = 8
"""How much of a hash is shown."""


def told_apart(frame: pd.DataFrame, settings: list[str]) -> pd.DataFrame:
    """The runs, with the column `task.data_hash` if some differ in their data alone.

    Data that are made from the seed have a hash for each seed. They are not told apart.

    Args:
        frame: A row for each run.
        settings: The columns that are settings; the seed is not among them.
    """
    if "env:data" not in frame:
        return frame
    keys = [name for name in settings if name.startswith("task.") or name not in _execution(frame)]
    known = frame[frame["env:data"].notna()]
    if known.groupby(["task", "seed"])["env:data"].nunique().le(1).all():
        return frame
    same = known[keys].map(repr).agg("\0".join, axis=1) + "\0" + known["seed"].map(repr)
    several = known.groupby(same)["env:data"].transform("nunique") > 1
    of_seeds = known.groupby("env:data")["seed"].transform("nunique").eq(1) & (
        known.groupby("task")["seed"].transform("nunique") > 1
    )
    tasks = set(known.loc[several & ~of_seeds, "task"])
    if not tasks:
        return frame
    shown = known.loc[known["task"].isin(tasks), "env:data"].str[:DIGITS]
    return frame.assign(**{COLUMN: shown.reindex(frame.index, fill_value=UNSET).astype(object)})


def _execution(frame: pd.DataFrame) -> set[str]:
    """Settings that change no result."""
    return {key for keys in frame.get("env:execution", pd.Series(dtype=object)).dropna() for key in keys}


def warning(frame: pd.DataFrame) -> list[str]:
    """What a reader should know of runs that differ in their data alone."""
    if COLUMN not in frame:
        return []
    tasks = frame.loc[frame[COLUMN] != UNSET, "task"]
    return [
        f"Runs of {task} with equal settings and seeds were trained on different data, as a file that has changed: "
        f"{COLUMN} tells them apart."
        for task in tasks.unique()
    ]
