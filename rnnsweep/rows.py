"""metrics.jsonl: a row for each log and evaluation of a run, a line of JSON each, appended whole or not at all."""

import io
import json
import os
from pathlib import Path
from typing import Any

from rnnsweep import files, system
from rnnsweep.errors import MachineError, tell_once

SPLITS = ("train", "val", "test")

Row = dict[str, Any]


class Rows:
    """The rows of one run. Only the process that holds the run's claim appends.

    Args:
        path: the file.
    """

    def __init__(self, path: Path):
        self.path = path
        self._file: io.FileIO | None = None

    def append(self, row: Row) -> None:
        """Adds a row.

        Raises:
            MachineError: it cannot be written; the file is as long as before.
        """
        with files.faults(self.path):
            if self._file is None:
                self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115  open as long as the claim
            files.append(self._file, (json.dumps(row) + "\n").encode())

    def sync(self) -> None:
        """Makes the rows survive a loss of power."""
        if self._file is not None:
            with files.faults(self.path):
                system.sync_data(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def rewind(self, size: int) -> None:
        """Cuts the file to its first `size` bytes."""
        if self.path.exists():
            with files.faults(self.path):
                os.truncate(self.path, min(size, self.size))

    def are_whole(self, size: int) -> bool:
        """Whether the first `size` bytes are rows, none of them damaged."""
        lines = self.path.read_bytes()[:size].split(b"\n") if self.path.exists() else [b""]
        return lines[-1] == b"" and all(_row(line) is not None for line in lines[:-1])

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def read(self) -> list[Row]:
        """The rows. One that a kill cut short is left out; so is a damaged one, with a message."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except files.ABSENT:
            return []
        except OSError as error:
            raise MachineError(self.path, error, "read") from error
        parsed = [_row(line) for line in lines[:-1]]  # what follows the last line's end was cut short
        rows = [row for row in parsed if row is not None]
        if damaged := len(parsed) - len(rows):
            said = "is damaged; it is left out" if damaged == 1 else "are damaged; they are left out"
            tell_once(f"{files.shown(self.path)}: {damaged} of {len(parsed)} rows {said}")
        return rows


def _row(line: bytes) -> Row | None:
    """A row: a step, a split and numbers; None where it is damaged."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int or row.get("split") not in SPLITS:
        return None
    numbers = (value for name, value in row.items() if name != "split")
    return row if all(isinstance(number, int | float | None) for number in numbers) else None
