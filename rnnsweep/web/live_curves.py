"""The validation losses of runs, read as they grow: only what is new is read again."""

import json
from pathlib import Path

from rnnsweep import files

MOST_POINTS = 240
"""Points of one curve; a longer one is thinned out evenly, and keeps its last."""

Point = tuple[int, float]


class Curve:
    """The validation losses of one run, by step.

    Args:
        path: its metrics.jsonl, which may not exist yet.
    """

    def __init__(self, path: Path):
        self.path = path
        self._read, self._points = 0, dict[int, float]()

    def points(self) -> list[Point]:
        """Step and loss of each validation so far."""
        self._look()
        points = sorted(self._points.items())
        stride = -(-len(points) // MOST_POINTS) or 1
        return points[len(points) - 1 :: -stride][::-1] if points else []

    def _look(self) -> None:
        """Reads the new rows; or the whole file if it has become shorter, as after a resume."""
        try:
            size = self.path.stat().st_size
            if size < self._read:
                self._read, self._points = 0, {}
            if size == self._read:
                return
            with self.path.open("rb") as file:
                file.seek(self._read)
                new = file.read(size - self._read)
        except files.ABSENT:
            self._read, self._points = 0, {}
            return
        whole = new.rfind(b"\n") + 1  # the rest is a row that is being written
        self._read += whole
        for line in new[:whole].splitlines():
            self._add(line)

    def _add(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            if row["split"] == "val" and row["loss"] is not None:
                self._points[int(row["step"])] = float(row["loss"])
        except (ValueError, TypeError, KeyError, RecursionError):  # a damaged row is left out
            return
