"""Warnings about the runs of a report, which a reader should see before the results."""

import pandas as pd

from rnnsweep.errors import many
from rnnsweep.report import data_sets
from rnnsweep.report.collect import UNSET
from rnnsweep.report.declared import older


def of(frame: pd.DataFrame) -> list[str]:
    """Warnings about retired levels, runs in several directories, damaged files, old records, and running runs.

    Args:
        frame: The runs, as `collect` returns them.
    """
    unknown = int((frame["task"] == UNSET).sum())
    said = []
    for level, count in frame.attrs.get("retired", {}).items():
        verb = "is" if count == 1 else "are"
        said.append(f"{level} is retired: {many(count, 'run')} {verb} on disk and {verb} not counted.")
    if twice := frame.attrs.get("twice", 0):
        differ = len({row["run"] for row in frame.attrs["differing"]})
        have = "has" if differ == 1 else "have"
        told = f"; {differ} of them {have} different values there: see the table “Did not reproduce”" if differ else ""
        said.append(
            f"{many(twice, 'run', 'lies', 'lie')} in several of the given directories. Each is counted once{told}."
        )
    said += data_sets.warning(frame)
    if unknown:
        counts = frame.loc[frame["task"] == UNSET, "state"].value_counts()
        told = ", ".join(f"{count} {state}" for state, count in counts.items())
        said.append(
            f"Runs without a readable config: {unknown} ({told}). Their task is not known, and no table counts them."
        )
    damaged = frame["problem"].dropna()
    said += [f"{frame['run'][index]}: {problem}." for index, problem in list(damaged.items())[:5]]
    if len(damaged) > 5:
        more = len(damaged) - 5
        said.append(f"{many(more, 'more run', 'has', 'have')} damaged files; the run table names them.")
    if before := int(older(frame).sum()):
        known = "Which direction is better is known only for the main metric of a task and for rnnsweep's own metrics"
        said.append(f"{many(before, 'run', 'was', 'were')} recorded before tasks declared their metrics. {known}.")
    running = int((frame["state"] == "running").sum())
    if running:
        said.append(f"{many(running, 'run', 'is', 'are')} still training; this report shows the results so far.")
    return said
