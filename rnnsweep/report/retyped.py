"""The command that trains a run again."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rnnsweep.override_text import typed
from rnnsweep.record import Json, RunRecord
from rnnsweep.secrets import redacted
from rnnsweep.study_folder import from_here


def single_command(record: RunRecord) -> str | None:
    """The command of a run that was not part of a sweep; None if it was, or if no command is known."""
    words, sweeps = _arguments(record)
    return None if sweeps or not words else _joined(words)


def sweep_command(record: RunRecord) -> str | None:
    """The command of the sweep that a run was part of; None if there was none."""
    words, sweeps = _arguments(record)
    return redacted(_joined(words)) if sweeps else None


def typed_command(environment: Json) -> str:
    """The command that trained a run, as it is typed in any directory: without the paths of this machine's programs."""
    python, program, *words = [*map(str, environment.get("command", [])), "", ""]
    if program.endswith("__main__.py"):
        return _joined(words[:-2])
    return shlex.join([word for word in (Path(python).name, Path(program).name, *words) if word])


def _arguments(record: RunRecord) -> tuple[list[str], bool]:
    """The arguments that were typed after the program's name, and whether they start a sweep."""
    _, program, *words = [*map(str, record.environment.get("command", [])), "", ""]
    if not program.endswith("__main__.py"):
        return [], False
    words = words[:-2]
    return words, any(argument in ("-m", "--multirun") or "," in argument for argument in words)


def _joined(words: Sequence[str]) -> str:
    return " ".join(["python -m rnnsweep", *map(shlex.quote, words)])


def full_command(config: Json | None, study: Path) -> str | None:
    """A command that names every setting. It serves runs whose own command is not known."""
    if config is None:
        return None
    choices = config.get("choices", {})
    words = [f"{group}={name}" for group, name in choices.items() if isinstance(config.get(group), dict)]
    for key, value in config.items():
        if isinstance(value, dict) and key != "choices":
            words += [f"{key}.{name}={typed(item)}" for name, item in value.items() if not name.startswith("_")]
    words += [f"seed={config.get('seed', 0)}", f"out={from_here(study)}"]
    return _joined(words)
