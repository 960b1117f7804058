"""Results of other programs: a CSV with a row for each run, an export of W&B or MLflow, or event files."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rnnsweep.errors import ReportError
from rnnsweep.report import tensorboard
from rnnsweep.report.collect import UNSET, absent
from rnnsweep.report.declared import DeclaredMetrics

COLUMN = "env:external"
"""True for the runs of another program."""

STATES = {"finished": "complete", "complete": "complete", "diverged": "diverged", "failed": "failed"}
STATES |= {"crashed": "failed", "killed": "interrupted", "running": "running", "pruned": "pruned"}
STATES |= {"preempted": "interrupted", "preempting": "running", "scheduled": "missing", "pending": "missing"}

NAMES = {"Name": "run", "tags.mlflow.runName": "run", "State": "state", "status": "state", "Runtime": "seconds"}
"""Our names for columns of W&B and MLflow."""

PREFIXES = ("metrics.", "params.")
ASIDE = (
    *("tags.", "run_id", "artifact_uri", "experiment_id", "start_time", "end_time"),
    *("Notes", "User", "Tags", "Created", "Sweep", "ID"),
)
CURVE = ["Wall time", "Step", "Value"]
NUMBERS = ("seed", "parameters", "seconds", "steps")
EXAMPLE = "expected a row for each run, with columns such as cell,seed,val/loss,test/loss,parameters"


def add(frame: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
    """The collected runs, followed by those in the files.

    Args:
        frame: The runs, as `collect` returns them.
        files: The arguments of `--add`.

    Raises:
        ReportError: A file cannot be read, or one of its rows is no run. The message names the file and the line.
    """
    if not files:
        return frame
    parts = [frame.assign(**{COLUMN: False}), *(_read(file, frame) for file in files)]
    found = pd.concat(parts, ignore_index=True).astype(object)
    for name in found:
        found.loc[found[name].isna(), name] = absent(name)
    found.attrs = frame.attrs
    return found


def _read(file: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """The runs of one file, with the columns that `collect` gives ours."""
    table = tensorboard.runs(file) if file.is_dir() else _named(_csv(file))
    metrics = [name for name in table if "/" in name]
    if list(table) == CURVE:
        raise ReportError(f"--add {file}: is one curve of TensorBoard; give the folder of its event files")
    if "cell" not in table or not metrics:
        raise ReportError(f"--add {file}: has {', '.join(table) or 'no column'}; {EXAMPLE}")
    for name in (*metrics, *(name for name in NUMBERS if name in table)):
        table[name] = _numbers(file, table, name)
    known = DeclaredMetrics(frame)
    for name in metrics:
        if known.unit(name) == "share":
            _refuse_percents(file, table, name)
    table["seed"] = _seeds(file, table)
    table["task"] = table["task"] if "task" in table else _only_task(file, frame)
    state = _states(file, table["state"]) if "state" in table else pd.Series("complete", table.index)
    _refuse_twice(file, table[state == "complete"])
    runs = table["run"].astype(str) if "run" in table else [f"row {row + 2}" for row in range(len(table))]
    return table.assign(
        **{COLUMN: True, "cell": table["cell"].astype(str) + " (external)", "state": state, "run": runs},
        study=str(file),
        path=str(file.parent),
        summary=[()] * len(table),
    )


def _csv(file: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(file, skipinitialspace=True)
    except FileNotFoundError:
        raise ReportError(f"--add {file}: there is no such file or folder") from None
    except (OSError, ValueError) as error:  # ParserError and UnicodeDecodeError are ValueErrors
        raise ReportError(f"--add {file}: cannot be read as a CSV ({error}); {EXAMPLE}") from error


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """The columns under our names, without those that only matter to the tracker."""
    kept = table[[name for name in table if not str(name).startswith(ASIDE) or name in NAMES]]
    names = {name: next((name.removeprefix(p) for p in PREFIXES if name.startswith(p)), name) for name in kept}
    return kept.rename(columns={name: NAMES.get(name, short) for name, short in names.items()})


def _place(file: Path, table: pd.DataFrame, row: int) -> str:
    """A row as a message names it: the line of a CSV, or the run of a folder."""
    return f"{file}, run {table['run'].iloc[row]}" if file.is_dir() else f"{file}:{row + 2}"


def _numbers(file: Path, table: pd.DataFrame, name: str) -> pd.Series:
    column = table[name]
    found = pd.to_numeric(column, errors="coerce")
    wrong = found.isna() & column.notna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise ReportError(f"--add {_place(file, table, row)}: {name}: expected a number, got {column.iloc[row]!r}")
    return found


def _refuse_percents(file: Path, table: pd.DataFrame, name: str) -> None:
    """Refuses a share above one: beside ours, percents would be a hundred times too good."""
    wrong = table[name] > 1
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        value = float(table[name].iloc[row])
        hint = f"; percents are given as {value / 100:g}" if value <= 100 else ""
        problem = f"{name}: expected a share from 0 to 1, got {value:g}{hint}"
        raise ReportError(f"--add {_place(file, table, row)}: {problem}")


def _seeds(file: Path, table: pd.DataFrame) -> pd.Series:
    """The seeds. The runs of a cell without seeds are numbered from 0."""
    given = table["seed"] if "seed" in table else pd.Series(float("nan"), table.index)
    none = given.isna().groupby(table["cell"]).transform("all")
    if (given.isna() & ~none).any():
        cell = table.loc[given.isna() & ~none, "cell"].iloc[0]
        raise ReportError(f"--add {file}: some runs of {cell} have a seed and some have none; give each of them a seed")
    return given.where(~none, table.groupby("cell").cumcount())


def _states(file: Path, column: pd.Series) -> pd.Series:
    """The states under our names."""
    found = column.astype(str).str.strip().str.lower().map(STATES)
    if found.isna().any():
        row = int(found.isna().to_numpy().argmax())
        known = ", ".join(STATES)
        raise ReportError(f"--add {file}:{row + 2}: state: expected one of {known}, got {column.iloc[row]!r}")
    return found


def _refuse_twice(file: Path, table: pd.DataFrame) -> None:
    """Refuses two finished runs of one setting and one seed: they would count as two seeds."""
    names = [name for name in table if "/" not in name and name not in {"run", "state", *NUMBERS[1:]}]
    twice = table[names].map(repr).duplicated(keep=False)
    if twice.any():
        alike = table.loc[twice, names].map(repr).agg("\0".join, axis=1)
        first, second = alike.index[alike == alike.iloc[0]][:2]
        which = f"lines {first + 2} and {second + 2}"
        which = f"runs {table['run'][first]} and {table['run'][second]}" if file.is_dir() else which
        problem = f"{which} are of {table['cell'][first]} with one seed and equal settings"
        raise ReportError(f"--add {file}: {problem}; leave one out, or give each a seed of its own")


def _only_task(file: Path, frame: pd.DataFrame) -> str:
    tasks = [task for task in frame["task"].unique() if task != UNSET]
    if len(tasks) != 1:
        of = ", ".join(tasks) or "no task"
        raise ReportError(f"--add {file}: has no column task, and the runs are of {of}; add a column with the task")
    return str(tasks[0])
