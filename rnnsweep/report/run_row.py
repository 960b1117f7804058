"""One run as a row of the table of runs."""

import json
from pathlib import Path
from typing import Any

from rnnsweep.errors import MachineError
from rnnsweep.planned import Planned
from rnnsweep.record import Json, RunRecord, RunStore
from rnnsweep.report.retyped import full_command, single_command, sweep_command, typed_command
from rnnsweep.secrets import redacted

UNSET = "—"
"""The value of a setting that a run's cell, task or optimizer does not have."""

HARDWARE = ("device", "processor", "platform")
"""What of a record's environment tells machines apart; records from before 2026-11-27 have no processor."""

GENERAL = ("out", "rerun", "resume_changed", "size", "packages", "choices")
"""Top-level settings that change no result; the table leaves them out."""


def row(study: Path, path: Path, plan: Planned | None, alive: bool) -> Json:
    """The columns of one run; `collect.collect` lists them.

    Args:
        study: The directory of the run's study.
        path: The run's own directory.
        plan: The run's entry in the plan; None for a run that no sweep planned.
        alive: Whether a worker reports that it is training the run.
    """
    store = RunStore(path)
    waits = plan is not None and plan.generation > store.generation()  # to be trained anew, by rerun=true
    record, problem = (None, None) if waits else _record(store)
    config = record.config if record else store.config() or (plan.config if plan else None)
    command = plan.command(study) if plan else None
    if record is None:
        state = "missing" if waits else _unrecorded(store, alive)
        if config is None and state != "missing":
            problem = problem or "its config.json cannot be read"
        found = standing(study, path, state) | {"problem": problem, "steps": _steps(store)}
    else:
        found = standing(study, path, record.status) | {"problem": problem} | _outcome(record)
        command = command or single_command(record)
    command = command or full_command(config, study)
    return found | (_settings(config) if config else {}) | {"command": redacted(command) if command else None}


def _record(store: RunStore) -> tuple[RunRecord | None, str | None]:
    """The record, or None and the problem with it."""
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


def standing(study: Path, path: Path, state: str) -> Json:
    """The columns of a run of which only the state is known."""
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
        "sweep": sweep_command(record),
        "summary": tuple(sorted(record.summary)),
        "metric": _judged(record.metric),
        "declared": record.declared or None,
        **record.best,
        **{f"last:{name}": value for name, value in record.metrics.items()},
        "env:execution": tuple(execution),
        "env:stack": stack,
        "env:source": environment.get("source_hash"),
        "env:data": environment.get("data_hash"),
        "env:changed": bool(code.get("before")),
        "env:files": tuple(sorted(files.items())),
        "env:commit": environment.get("git_commit"),
        "env:dirty": environment.get("git_dirty"),
        "env:memory": environment.get("peak_memory_bytes"),
        "env:versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "env:hardware": ", ".join(str(environment[name]) for name in HARDWARE if environment.get(name)),
        "env:threads": environment.get("threads"),
        "env:host": environment.get("host"),
        "env:timed": ", ".join(str(environment.get(name)) for name in ("host", "device", "threads", "kernel")),
        "env:command": redacted(typed_command(environment)),
    }


def _dict(value: Any) -> Json:
    """The value if it is a dictionary, else an empty one: a damaged record may have anything here."""
    return value if isinstance(value, dict) else {}


def _judged(metric: Json) -> tuple[str, ...] | None:
    """Name, unit and direction of the metric that the task is judged by; None if the record does not say."""
    told = tuple(metric.get(name) for name in ("name", "unit", "direction"))
    return tuple(map(str, told)) if all(isinstance(part, str) for part in told) else None


def _settings(config: Json) -> Json:
    """The settings by their dotted keys. Lists become text, so that all values can be compared."""
    choices = config.get("choices", {})
    flat: Json = {group: str(name) for group, name in choices.items() if group in config}
    for key, value in config.items():
        if key in GENERAL:
            continue
        if isinstance(value, dict):
            named = value.items()
            for name, item in named:
                flat |= _setting(f"{key}.{name}", item) if name not in ("_target_", "_search_") else {}
        else:
            flat[key] = _value(value)
    return flat | {"env:packages": tuple(map(str, config.get("packages") or ()))}


def _setting(key: str, value: Any) -> Json:
    """A setting; a class of the user's as its path, with its settings beside."""
    if not isinstance(value, dict) or "_target_" not in value:
        return {key: _value(value)}
    return {key: value["_target_"]} | {f"{key}.{n}": _value(v) for n, v in value.items() if n != "_target_"}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    return redacted(value if isinstance(value, str) else json.dumps(value, sort_keys=True))
