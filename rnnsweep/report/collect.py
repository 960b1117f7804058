"""From directories to one table of runs: every planned run is in it once, with how it stands."""

import itertools
import json
import math
import os
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnsweep import planned, retired
from rnnsweep.errors import MachineError, ReportError
from rnnsweep.planned import FOLDER, Planned
from rnnsweep.record import Json, RunRecord, RunStore
from rnnsweep.secrets import redacted

STATES = ("complete", "diverged", "failed", "pruned", "interrupted", "running", "missing")
"""How a run can stand. Those before `interrupted` have a record; a run of a search that never began is missing."""

UNSET = "—"
"""A setting that a run's cell, task or optimizer does not have."""

OURS = ("run", "study", "path", "state", "problem", "command", "task", "setting")
RECORDED = ("steps", "seconds", "parameters", "error", "summary", "metric", "declared", "step", "sweep")
PLAIN = frozenset(OURS + RECORDED)
"""Columns that are neither a setting nor a metric."""

GENERAL = ("out", "rerun", "resume_changed", "size", "packages", "choices")
"""Settings that change no result."""

TOLERANCE = 1e-6  # relative: metrics that are closer are equal
DEPTH = 4  # folders below a given path in which runs are looked for


def collect(paths: Sequence[Path], apart: bool = False, retiring: bool = True) -> pd.DataFrame:
    """A row for each run below the paths, in the order of its plan; `apart`: for each run of each study.

    Runs of a level that was retired are left out, unless `retiring` is False; `attrs["retired"]` counts them, by level
    and study.

    Columns: `run study path state problem command sweep task seed steps seconds parameters error`; the settings by
    their dotted keys and the groups by theirs (`cell`, `cell.hidden_size`); metrics of the best weights (`val/loss`),
    and those of the last step with a leading `last:`; what of the environment the report needs, with a leading `env:`.

    Raises:
        ReportError: a path does not exist, or holds no run.
    """
    copies: dict[tuple[str, str], dict[str, Json]] = {}
    left_out: Counter[str] = Counter()
    for path in paths:
        if not path.is_dir():
            raise ReportError(f"{path}: no such directory; give the folder of a study, such as multirun/default")
        found = list(_rows(path))
        if not found:
            raise ReportError(_no_runs(path))
        for row in counted(found, left_out) if retiring else found:
            key = Path(row["study"]).name if apart else "", row["run"]
            copies.setdefault(key, {}).setdefault(os.path.realpath(row["path"]), row)
    if not copies:
        raise ReportError(f"{paths[0]}: all runs are retired ({', '.join(left_out)})")
    sizes = Counter(row["study"] for each in copies.values() for row in each.values())
    ordered = [sorted(each.values(), key=lambda row: _standing_first(row, sizes)) for each in copies.values()]
    frame = _table([row for row, *_ in ordered])
    frame.attrs["retired"] = dict(left_out)
    frame.attrs["twice"] = sum(len(each) > 1 for each in ordered)
    frame.attrs["differing"] = [row for each in ordered if _differ(each) for row in each]
    return frame


def counted(rows: Iterable[Json], left_out: Counter[str]) -> Iterator[Json]:
    """The rows without those of a retired level, which are counted in `left_out`."""
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
    """Of copies of one run that with the best state counts, then that of the largest study: its partners are there."""
    return STATES.index(row["state"]), -sizes[row["study"]], row["study"]


def _differ(copies: Sequence[Json]) -> bool:
    """Whether copies of a run that came to an end did so otherwise, or with other numbers beyond rounding."""
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
    """Whether a column is a setting of the config, and neither a metric nor the program's own."""
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
    return f"{path}: holds no run (a run's directory has a config.json and a record.json; here are {shown})"


def _rows(path: Path) -> Iterator[Json]:
    """The rows of all studies and single runs at or below a path; those of a plan in its order."""
    found = list(_runs_below(path, DEPTH))
    studies = dict.fromkeys([*(run.parent for run in found), *_studies_below(path, DEPTH)])
    for study in studies:
        plan = {run.id: run for file in planned.plans(study) for run in planned.read(file) or ()}
        alive = {name for worker in planned.workers(study) for name in worker.runs}
        mine = {run.name: run for run in found if run.parent == study}
        for name in dict.fromkeys([*plan, *mine]):
            yield _row(study, study / name, plan.get(name), name in alive)
        yield from _unstarted(study, len(mine.keys() - plan.keys()))


def _runs_below(path: Path, depth: int) -> Iterator[Path]:
    """The directories that hold a run, in the order of their names."""
    if any(os.path.exists(os.path.join(path, name)) for name in ("config.json", "record.json")):
        yield path
    elif depth:
        for name in _folders(path):
            yield from _runs_below(path / name, depth - 1)


def _folders(path: Path) -> list[str]:
    """The names of the folders in a directory that are not hidden; none where it cannot be read."""
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
    """Runs of a study's searches that were asked for and not begun: nobody knows their settings yet."""
    asked = sum(search.n_trials * len(search.seeds) for search in planned.searched(study))
    for index in range(max(0, asked - begun)):
        yield _standing(study, study / f"(trial not begun {index + 1})", "missing")


# One run ---------------------------------------------------------------------------------------------------------


def _row(study: Path, path: Path, plan: Planned | None, alive: bool) -> Json:
    store = RunStore(path)
    waits = (
        plan is not None and plan.generation > 0 and store.generation() < plan.generation
    )  # to be trained anew, by rerun=true
    record, problem = (None, None) if waits else _record(store)
    config = record.config if record else store.config() or (plan.config if plan else None)
    command = plan.command(study) if plan else None
    if record is None:
        state = "missing" if waits else _unrecorded(store, alive)
        if config is None and state != "missing":
            problem = problem or "its config.json cannot be read"
        row = _standing(study, path, state) | {"problem": problem, "steps": _steps(store)}
    else:
        row = _standing(study, path, record.status) | {"problem": problem} | _outcome(record)
        command = command or _typed(record)
    command = command or _spelled(config, study)
    return row | (_settings(config) if config else {}) | {"command": redacted(command) if command else None}


def _record(store: RunStore) -> tuple[RunRecord | None, str | None]:
    """The record, or what is wrong with it."""
    try:
        record = store.record()
    except MachineError as error:
        return None, f"its record.json cannot be read ({error.error.strerror})"
    damaged = record is None and (store.path / "record.json").exists()
    return record, "its record.json is damaged" if damaged else None


def _unrecorded(store: RunStore, alive: bool) -> str:
    begun = any((store.path / name).exists() for name in ("config.json", "metrics.jsonl", "last.pt", "record.json"))
    return "running" if begun and (alive or store.held()) else "interrupted" if begun else "missing"


def _steps(store: RunStore) -> int:
    return max((int(row.get("step") or 0) for row in store.rows()), default=0)


def _standing(study: Path, path: Path, state: str) -> Json:
    return {"run": path.name, "study": str(study), "path": str(path), "state": state, "problem": None, "task": UNSET}


def _outcome(record: RunRecord) -> Json:
    environment = record.environment
    versions = environment.get("versions", {})
    code = _dict(environment.get("code"))
    files = _dict(code.get("files"))
    execution, stack = environment.get("execution", []), environment.get("stack", 1) or 1
    return {
        "steps": record.steps,
        "seconds": record.seconds / stack if record.share_seconds is None else record.share_seconds,
        "parameters": record.parameters,
        "error": redacted(record.error) if record.error else None,
        "sweep": _sweep(record),
        "summary": tuple(sorted(record.summary)),
        "metric": _judged(record.metric),
        "declared": record.declared or None,
        **record.best,
        **{f"last:{name}": value for name, value in record.metrics.items()},
        "env:execution": tuple(execution),
        "env:stack": stack,
        "env:data": environment.get("data_hash"),
        "env:changed": bool(code.get("before")),
        "env:files": tuple(sorted(files.items())),
        "env:commit": environment.get("git_commit"),
        "env:dirty": environment.get("git_dirty"),
        "env:memory": environment.get("peak_memory_bytes"),
        "env:versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "env:hardware": _hardware(environment),
        "env:host": environment.get("host"),
        "env:timed": ", ".join(str(environment.get(name)) for name in ("host", "device", "threads", "kernel")),
        "env:command": redacted(shlex.join(map(str, environment.get("command", [])))),
    }


def _dict(value: Any) -> Json:
    """What a record holds by name; nothing where it is no such thing, as in a damaged record."""
    return value if isinstance(value, dict) else {}


def _judged(metric: Json) -> tuple[str, ...] | None:
    """Name, unit and direction of what the task is judged by; None where they are not told."""
    told = tuple(metric.get(name) for name in ("name", "unit", "direction"))
    return tuple(map(str, told)) if all(isinstance(part, str) for part in told) else None


def _hardware(environment: Json) -> str:
    parts = (environment.get("device"), environment.get("platform"), f"{environment.get('threads')} threads")
    return ", ".join(str(part) for part in parts)


def _settings(config: Json) -> Json:
    """The settings by their dotted keys; lists as text, so that every value can be compared."""
    choices = config.get("choices", {})
    flat: Json = {group: str(name) for group, name in choices.items() if group in config}
    for key, value in config.items():
        if key in GENERAL:
            continue
        if isinstance(value, dict):
            named = value.items()
            flat |= {f"{key}.{name}": _value(item) for name, item in named if name not in ("_target_", "_search_")}
        else:
            flat[key] = _value(value)
    return flat | {"env:packages": tuple(map(str, config.get("packages") or ()))}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    return redacted(value if isinstance(value, str) else json.dumps(value, sort_keys=True))


# What a person types to train it again ---------------------------------------------------------------------------


def _typed(record: RunRecord) -> str | None:
    """The command of a run that was no part of a sweep."""
    typed, sweeps = _arguments(record)
    return None if sweeps or not typed else _joined(typed)


def _sweep(record: RunRecord) -> str | None:
    """The command of the sweep that a run was part of."""
    typed, sweeps = _arguments(record)
    return redacted(_joined(typed)) if sweeps else None


def _arguments(record: RunRecord) -> tuple[list[str], bool]:
    """What was typed after the program's name, and whether it is a sweep."""
    _, program, *typed = [*map(str, record.environment.get("command", [])), "", ""]
    if not program.endswith("__main__.py"):
        return [], False
    typed = typed[:-2]
    return typed, any(argument in ("-m", "--multirun") or "," in argument for argument in typed)


def _joined(typed: Sequence[str]) -> str:
    return " ".join(["python -m rnnsweep", *map(shlex.quote, typed)])


def _spelled(config: Json | None, study: Path) -> str | None:
    """A command that names every setting, for runs whose own command is not known."""
    if config is None:
        return None
    choices = config.get("choices", {})
    words = [f"{group}={name}" for group, name in choices.items() if isinstance(config.get(group), dict)]
    for key, value in config.items():
        if isinstance(value, dict) and key != "choices":
            words += [f"{key}.{name}={_override(item)}" for name, item in value.items() if not name.startswith("_")]
    words += [f"seed={config.get('seed', 0)}", f"out={study}"]
    return " ".join(["python -m rnnsweep", *map(shlex.quote, words)])


def _override(value: Any) -> str:
    """A value in Hydra's grammar."""
    if isinstance(value, str):
        return json.dumps(value) if set(value) & set(" ,:=[]{}()'\"$\\") or not value else value
    return json.dumps(value)
