"""What this user's processes on this machine share: a folder for measurements and locks."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnsweep import locks, system
from rnnsweep.errors import MachineError


def folder() -> Path:
    """$XDG_CACHE_HOME/rnnsweep or ~/.cache/rnnsweep; where neither can be written, one below the system's for files
    that come and go."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    for place in (cache / "rnnsweep", Path(tempfile.gettempdir()) / f"rnnsweep-{system.user()}"):
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(place, os.W_OK):
            return place
    return Path(tempfile.mkdtemp(prefix="rnnsweep-"))


@contextmanager
def locked(name: str, where: Path | None = None) -> Iterator[None]:
    """One process at a time is inside, of this user's or of those that share the folder `where`; several where the lock
    cannot be made, at the cost of measuring twice."""
    try:
        lock = locks.take((where or folder()) / f".{name}.lock", wait=True)
    except MachineError:
        lock = None
    try:
        yield
    finally:
        if lock is not None:
            lock.release()
