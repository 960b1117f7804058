"""The file in which a worker tells what it does."""

import contextlib
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from rnnsweep import files
from rnnsweep.errors import MachineError
from rnnsweep.planned import worker_file
from rnnsweep.train import Member, Observer
from rnnsweep.types import Split


class StatusFile(Observer):
    """Tells in a file what a worker does: which runs it trains, how far they are and how fast.

    The live view and `rnnsweep.status` read it.

    Args:
        study: the study's directory.
    """

    def __init__(self, study: Path):
        self.path = worker_file(study, platform.node(), os.getpid())
        files.make(self.path.parent)
        self.state: dict[str, Any] = {"pid": os.getpid(), "host": platform.node(), "runs": [], "failed": []}
        self.written = 0.0

    def write(self, **changes: Any) -> None:
        """Writes what changed, and the time."""
        self.state |= changes | {"time": time.time()}
        files.write(self.path, json.dumps(self.state), synced=False)
        self.written = time.monotonic()

    def started(self, step: int, steps: int) -> None:
        self.write(step=step, steps=steps)

    def stepped(self, step: int) -> None:
        self.state["step"] = step
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
