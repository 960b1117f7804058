"""How often the process that trained a run died without an error message: the file `.deaths`."""

import dataclasses
from pathlib import Path

from rnnsweep import files


@dataclasses.dataclass(frozen=True)
class Deaths:
    """Deaths since the run's last checkpoint."""

    times: int = 0
    progress: int = -1
    """The time of the newest checkpoint at the last death, in nanoseconds; 0: there was none."""


def read(path: Path) -> Deaths:
    """What the file says; no deaths where it is not there, or is damaged."""
    return files.read(path, Deaths) or Deaths()


def counted(before: Deaths, checkpoint: Path) -> Deaths:
    """The deaths with one more. The count begins again at one if the run wrote a checkpoint after the last death.

    A machine that goes down now and then must not fail a run. Rows are no progress: without a checkpoint the run
    writes the same rows again.
    """
    progress = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    return Deaths(before.times + 1 if before.progress == progress else 1, progress)
