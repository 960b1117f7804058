"""What a person types to train a run again."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnsweep.record import Json, RunRecord
from rnnsweep.secrets import redacted


def typed(record: RunRecord) -> str | None:
    """The command of a run that was no part of a sweep."""
    typed, sweeps = _arguments(record)
    return None if sweeps or not typed else _joined(typed)


def sweep(record: RunRecord) -> str | None:
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


def spelled(config: Json | None, study: Path) -> str | None:
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
