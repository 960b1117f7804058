"""From directories to one table of runs. Every planned run is in it once, with its state."""

import itertools
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rnnsweep import planned, retired, study_folder
from rnnsweep.errors import ReportError
from rnnsweep.planned import STATES
from rnnsweep.record import Json
from rnnsweep.report import data_sets, run_row
from rnnsweep.report.run_row import UNSET as UNSET  # the table's readers look for it here
from rnnsweep.study_folder import FOLDER

OURS = ("run", "study", "path", "state", "problem", "command", "task", "setting")
RECORDED = ("steps", "seconds", "parameters", "error", "summary", "metric", "declared", "step", "sweep")
PLAIN = frozenset(OURS + RECORDED)
"""Columns that are neither a setting nor a metric."""

TOLERANCE = 1e-6  # relative; metrics that differ by less count as equal
DEPTH = 4  # how many folders deep below a given path runs are looked for


def collect(paths: Sequence[Path], apart: bool = False, retiring: bool = True) -> pd.DataFrame:
    """All runs below some directories as one table, in the order of the plans.

    Args:
        paths: Directories with runs, such as `multirun/default`.
        apart: Whether a run that lies in several studies has a row for each of them; else it has one row.
        retiring: Whether to leave out the runs of retired levels.

    Returns:
        A row for each run. The columns are `run study path state problem command sweep task seed steps seconds
        parameters error`; the groups and settings by their keys (`cell`, `cell.hidden_size`); the metrics of the best
        weights (`val/loss`) and of the last step (`last:val/loss`); and what the report needs to know of the
        environment (`env:host`). `attrs["retired"]` counts the runs that were left out, by level and study.
        `attrs["twice"]` counts the runs that lie in several directories, and `attrs["differing"]` has the rows of
        those whose results differ there.

    Raises:
        ReportError: A path does not exist, or there is no run below it.
    """
    copies: dict[tuple[str, str], dict[str, Json]] = {}
    left_out: Counter[str] = Counter()
    for path in paths:
        if not path.is_dir():
            raise ReportError(f"{path}: {study_folder.not_a_study(path)}")
        found = list(_rows(path))
        if not found:
            raise ReportError(_no_runs(path))
        for row in counted(found, left_out) if retiring else found:
            key = Path(row["study"]).name if apart else "", row["run"]
            copies.setdefault(key, {}).setdefault(os.path.realpath(row["path"]), row)
    if not copies:
        raise ReportError(f"{', '.join(map(str, paths))}: all runs are retired ({', '.join(left_out)})")
    sizes = Counter(row["study"] for each in copies.values() for row in each.values())
    ordered = [sorted(each.values(), key=lambda row: _standing_first(row, sizes)) for each in copies.values()]
    table = _table([row for row, *_ in ordered])
    frame = data_sets.told_apart(table, [name for name in table if is_setting(name) and name != "seed"])
    frame.attrs["retired"] = dict(left_out)
    frame.attrs["twice"] = sum(len(each) > 1 for each in ordered)
    frame.attrs["differing"] = [row for each in ordered if _differ(each) for row in each]
    return frame


def counted(rows: Iterable[Json], left_out: Counter[str]) -> Iterator[Json]:
    """The rows that are not of a retired level; the others are counted in `left_out`."""
    levels: dict[str, list[retired.Level]] = {}
    for row in rows:
        study = row["study"]
        if study not in levels:
            levels[study] = retired.read(Path(study))
        level = next((level for level in levels[study] if level.holds(row)), None)
        if level is None:
            yield row
        else:
            left_out[f"{level} in {study}"] += 1


def _standing_first(row: Json, sizes: Counter[str]) -> tuple[int, int, str]:
    """The sort key of copies of one run; the first copy counts.

    The copy with the best state comes first. Between equal states, the copy in the largest study comes first, because
    the runs that it is compared with lie there.
    """
    return STATES.index(row["state"]), -sizes[row["study"]], row["study"]


def _differ(copies: Sequence[Json]) -> bool:
    """Whether finished copies of one run have different states, or metrics that differ by more than rounding."""
    ended = [row for row in copies if row["state"] in ("complete", "diverged")] if len(copies) > 1 else []
    outcomes = [{name: row[name] for name in row if name.startswith(("val/", "test/"))} for row in ended]
    return any(a["state"] != b["state"] for a, b in itertools.pairwise(ended)) or any(
        not np.allclose(_numbers(a, a | b), _numbers(b, a | b), rtol=TOLERANCE, atol=0, equal_nan=True)
        for a, b in itertools.pairwise(outcomes)
    )


def _numbers(values: Json, names: Iterable[str]) -> list[float]:
    found = (values.get(name) for name in names)
    return [float(value) if isinstance(value, int | float) else math.nan for value in found]


def is_setting(name: str) -> bool:
    """Whether a column is a setting of the config, not a metric and not one that the program adds."""
    return name not in PLAIN and "/" not in name and ":" not in name


def _table(rows: list[Json]) -> pd.DataFrame:
    names = dict.fromkeys([*RECORDED, "seed", *(name for row in rows for name in row)])
    nothing = {name: absent(name) for name in names}
    columns = {name: pd.Series([row.get(name, none) for row in rows], dtype=object) for name, none in nothing.items()}
    return pd.DataFrame(columns)


def absent(name: str) -> str | None:
    """What a column holds for a run that has no such value."""
    return UNSET if is_setting(name) and name != "seed" else None


def _no_runs(path: Path) -> str:
    names = sorted(entry.name for entry in os.scandir(path))
    if not names:
        return f"{path}: the directory is empty; give one with runs, such as multirun/default"
    shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return f"{path}: there is no run here (a run's directory has a config.json and a record.json; found: {shown})"


def _rows(path: Path) -> Iterator[Json]:
    """The rows of all studies and single runs at or below a path; those of a plan in its order."""
    found = list(_runs_below(path, DEPTH))
    studies = dict.fromkeys([*(run.parent for run in found), *_studies_below(path, DEPTH)])
    for study in studies:
        plan = {run.id: run for file in planned.plans(study) for run in planned.read(file) or ()}
        alive = {name for worker in planned.workers(study) for name in worker.runs}
        mine = {run.name: run for run in found if run.parent == study}
        for name in dict.fromkeys([*plan, *mine]):
            yield run_row.row(study, study / name, plan.get(name), name in alive)
        yield from _unstarted(study, len(mine.keys() - plan.keys()))


def _runs_below(path: Path, depth: int) -> Iterator[Path]:
    """The directories that hold a run, in the order of their names."""
    if any(os.path.exists(os.path.join(path, name)) for name in ("config.json", "record.json")):
        yield path
    elif depth:
        for name in _folders(path):
            yield from _runs_below(path / name, depth - 1)


def _folders(path: Path) -> list[str]:
    """The names of the visible folders in a directory; none if it cannot be read."""
    try:
        return sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _studies_below(path: Path, depth: int) -> Iterator[Path]:
    if (path / FOLDER).is_dir():
        yield path
    elif depth and not (path / "config.json").exists():
        for name in _folders(path):
            yield from _studies_below(path / name, depth - 1)


def _unstarted(study: Path, begun: int) -> Iterator[Json]:
    """The trials that a study's searches have not begun yet. Their settings are not known."""
    asked = sum(search.n_trials * len(search.seeds) for search in planned.searched(study))
    for index in range(max(0, asked - planned.repeated(study) - begun)):
        yield run_row.standing(study, study / f"(trial not begun {index + 1})", "missing")
