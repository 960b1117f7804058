"""The file in which a worker says what it does."""

import collections
import contextlib
import json
import os
import platform
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnsweep import files
from rnnsweep.errors import MachineError
from rnnsweep.study_folder import worker_file
from rnnsweep.train import Member, Observer
from rnnsweep.types import Split

RECENT = 50  # steps whose median says how fast a worker is now


class StatusFile(Observer):
    """Tells in a file what a worker does: which runs it trains, how far they are and how fast.

    The live view and `rnnsweep.status` read it.

    Args:
        study: the study's directory.
        costs: seconds of a run of each shape, as measured before.
    """

    def __init__(self, study: Path, costs: Mapping[str, float] | None = None):
        self.path = worker_file(study, platform.node(), os.getpid())
        files.make(self.path.parent)
        self.state: dict[str, Any] = {"pid": os.getpid(), "host": platform.node(), "runs": [], "failed": []}
        self.state["costs"] = dict(costs or {})
        self.written = 0.0
        self.expected = 0.0
        """Seconds of a step as measured before; 0 where nothing was measured."""
        self._began = self._stepped = 0.0
        self._times: collections.deque[float] = collections.deque(maxlen=RECENT)

    def write(self, **changes: Any) -> None:
        """Writes what changed, and the time."""
        self.state |= changes | {"time": time.time()}
        files.write(self.path, json.dumps(self.state), synced=False)
        self.written = time.monotonic()

    def started(self, step: int, steps: int) -> None:
        self._began = self._stepped = time.perf_counter()
        self._times.clear()
        self.write(step=step, steps=steps, began_at=step, seconds=0.0, slowdown=None)

    def stepped(self, step: int) -> None:
        now = time.perf_counter()
        if not self._times:  # the first step also compiles and makes the data: it tells nothing of the others
            self._began = now
            self.state["began_at"] = step
        self._times.append(now - self._stepped)
        self._stepped = now
        self.state |= {"step": step, "seconds": now - self._began}
        if self.expected and len(self._times) == RECENT:
            self.state["slowdown"] = statistics.median(self._times) / self.expected
        if time.monotonic() - self.written > 1:
            self.write()

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        self.state[split] = metrics["loss"]
        if split == "train":
            self.state["tokens_per_second"] = metrics["tokens_per_second"] * len(self.state["runs"])

    def close(self) -> None:
        """Deletes the file: the worker has ended."""
        with contextlib.suppress(MachineError):  # a file that nobody writes counts only for a minute
            files.delete(self.path)
