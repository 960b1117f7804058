"""Tables of provenance: commits, versions, hardware and data; and runs that did not reproduce."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rnnsweep.errors import many
from rnnsweep.report.numbers import number
from rnnsweep.report.runs import Runs
from rnnsweep.report.table import Cell, Table, TableRow, rows_of

SHOWN_VALUES = 4
"""How many commits, hosts or versions a warning names."""

SHOWN_METRICS = 6
"""How many metrics of a run's copies stand side by side."""


def not_reproduced(rows: Sequence[dict[str, Any]]) -> Table | None:
    """Runs that lie in several directories with different results, a row for each copy. None if there are none."""
    names = dict.fromkeys(name for row in rows for name in row if name.startswith(("val/", "test/")))
    metrics = list(names)[:SHOWN_METRICS]
    provenance = {"env:commit": "commit", "env:host": "host", "env:hardware": "hardware", "env:versions": "versions"}
    lines = [
        [row["run"], row["study"], row["state"]]
        + [Cell(number(value, 6), value) for value in (_known(row, name) for name in metrics)]
        + [str(row.get(name) or "—") for name in provenance]
        for row in rows
    ]
    note = "The same config gave different values. The other tables count the first row of each run."
    columns = ("run", "study", "state", *metrics, *provenance.values())
    return Table("not-reproduced", "Did not reproduce", columns, rows_of(*lines), (note,)) if lines else None


def _known(row: dict[str, Any], name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else float("nan")


def reproducibility(tasks: Sequence[Runs]) -> tuple[Table, list[str]]:
    """The provenance of some runs.

    Args:
        tasks: The runs of each task.

    Returns:
        A table of commits, versions, hardware, data and commands, with the number of runs of each; and a warning for
        each of them that is not the same for all runs of a task.
    """
    names = {f"env:{name}": name for name in ("commit", "versions", "host", "hardware", "threads", "command")}
    rows, warnings = [], []
    for runs in tasks:
        for column, name in names.items():
            found = runs.frame[column].dropna() if column in runs.frame else pd.Series(dtype=object)
            counts = found[~found.isin(["", "None"])].map(_plain).value_counts()
            rows += [_line(runs.task, name, str(value), int(count)) for value, count in counts.items()]
            if len(counts) > 1 and name != "command":
                warnings.append(f"Not all runs of {runs.task} have the same {name}: {_differing(counts)}.")
        if dirty := _true(runs, "env:dirty"):
            trained = f"{many(dirty, 'run')} of {runs.task} {'was' if dirty == 1 else 'were'} trained"
            warnings.append(f"{trained} from a checkout with uncommitted changes.")
        warnings += _code(runs)
        rows += _data(runs)
    columns = ("task", "what", "value", "runs")
    return Table(
        "reproducibility", "Commits, versions, hardware, data", columns, tuple(rows), tuple(warnings), 60
    ), warnings


def _plain(value: Any) -> str:
    """The number of threads without a point: a column with a gap holds floats."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _differing(counts: "pd.Series[int]") -> str:
    """What differs, with the number of runs: `torch 2.13 (6 runs), torch 2.14 (3 runs)`."""
    parts = {value: value.split(", ") for value in map(str, counts.index)}
    common = set.intersection(*map(set, parts.values()))
    told = []
    for value, count in counts.items():
        own = ", ".join(part for part in parts[str(value)] if part not in common) or "none of these"
        told.append(f"{own} ({many(count, 'run')})")
    return ", ".join(told[:SHOWN_VALUES]) + f" and {len(told) - SHOWN_VALUES} more" * (len(told) > SHOWN_VALUES)


def _code(runs: Runs) -> list[str]:
    """Warnings about code that changed while a run was being trained, or between runs."""
    if "env:files" not in runs.frame:
        return []
    changed = _true(runs, "env:changed")
    began = "it began" if changed == 1 else "they began"
    said = [f"{many(changed, 'run')} of {runs.task} continued with other code than {began} with."]
    said = said if changed else []
    files: dict[str, set[str]] = {}
    for each in runs.frame.loc[runs.complete, "env:files"].dropna():
        for name, digest in each:
            files.setdefault(name, set()).add(digest)
    differing = sorted(name for name, digests in files.items() if len(digests) > 1)
    if differing:
        shown = ", ".join(differing[:3]) + (" …" if len(differing) > 3 else "")
        said.append(
            f"The finished runs of {runs.task} were not all trained by the same code: {shown} changed between them."
        )
    return said


def _true(runs: Runs, column: str) -> int:
    """The number of runs for which a column is True."""
    return int(runs.frame[column].map(lambda value: value is True).sum()) if column in runs.frame else 0


def _line(task: str, what: str, value: str, count: int) -> TableRow:
    return TableRow((Cell(task), Cell(what), Cell(value), Cell(str(count), count)))


def _data(runs: Runs) -> list[TableRow]:
    """The hashes of the data, with the number of runs of each. Generated data have a hash for each seed."""
    if "env:data" not in runs.frame:
        return []
    counts = runs.frame["env:data"].dropna().value_counts()
    return [_line(runs.task, "data (SHA-256)", str(value), int(count)) for value, count in counts.items()]
