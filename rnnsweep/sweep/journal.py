"""A search's journal: Optuna's file of one operation a line, which neither a kill nor a full disk can break.

Optuna appends without reading what is there. A line that a killed process left half written, or that did not fit the
disk, would run into the next one, and all that follows could not be read any more.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

from rnnsweep import files
from rnnsweep.errors import ConfigError, tell_once


class Journal(JournalFileBackend):
    """Optuna's own journal, which also survives a line that was cut short.

    Args:
        path: the file; it is made where it is missing.

    Raises:
        ConfigError: a line that others follow is damaged.
        MachineError: the file cannot be read or written.
    """

    def __init__(self, path: Path):
        self.path = path
        with files.faults(path):
            super().__init__(str(path))
            if not all(map(_is_operation, _lines(path))):
                with self._alone():
                    _mend(path)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Writes operations, whole or not at all."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with files.faults(self.path), self._alone(), open(self.path, "ab", buffering=0) as file:
            if not _ends(self.path):
                _mend(self.path)
            files.append(file, lines.encode())
            os.fsync(file.fileno())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            with contextlib.suppress(RuntimeError):  # Optuna's lock on a full disk: it frees itself in half a minute
                self._lock.release()


def _ends(path: Path) -> bool:
    """Whether the last line of a file is whole."""
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def _mend(path: Path) -> None:
    """Cuts a journal back to its last whole line."""
    lines = _lines(path)
    whole = [_is_operation(line) for line in lines]
    kept = len(lines) - next((back for back, good in enumerate(reversed(whole)) if good), len(lines))
    if not all(whole[:kept]) or (len(lines) > 1 and not kept):
        remedy = "bring the file back; or move it away, and the same command begins the search anew"
        raise ConfigError(str(path), f"line {whole.index(False) + 1} of {len(lines)} is damaged; {remedy}")
    if kept < len(lines):
        os.truncate(path, sum(map(len, lines[:kept])))
        tell_once(f"the last line of {files.shown(path)} was cut short, by a kill or a full disk; it is removed")


def _is_operation(line: bytes) -> bool:
    try:
        operation = json.loads(line)
    except (ValueError, RecursionError):
        return False
    named = isinstance(operation, dict) and "op_code" in operation and line.endswith(b"\n")
    return named and _are_numbers(operation.get("values"))


def _are_numbers(values: Any) -> bool:
    """Whether a trial may have these values. None stands for none; NaN and infinity are numbers."""
    return values is None or (isinstance(values, list) and all(type(value) in (int, float) for value in values))
