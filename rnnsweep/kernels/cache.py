"""What this user's processes on this machine share: a folder for measurements and locks."""

import dataclasses
import functools
import importlib.metadata
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import torch

from rnnsweep import files, locks, system
from rnnsweep.errors import MachineError

Table = TypeVar("Table", bound=dict[str, Any])


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


def known(name: str, kind: Callable[..., Table], where: Path | None = None) -> Table:
    """The measurements of a file; none where it is not there, damaged, or cannot be read.

    Args:
        name: the file's.
        kind: what it holds, such as `dict[str, Measured]`.
        where: its folder; the user's where it is left out.
    """
    with suppress(MachineError):  # it costs the time of measuring
        return files.read((where or folder()) / name, kind) or kind()
    return kind()


def keep(name: str, table: Mapping[str, Any], where: Path | None = None) -> None:
    """Writes such a file; on a full disk the next process measures again."""
    content = json.dumps({key: dataclasses.asdict(measured) for key, measured in table.items()})
    with suppress(MachineError):
        files.write((where or folder()) / name, content, synced=False)


@functools.cache
def machine() -> list[str | None]:
    """The processor and the versions of what computes on it. Machines that are alike in these share measurements."""
    cpu = [platform.machine(), platform.processor()]
    information = Path("/proc/cpuinfo")
    if information.exists():
        told = dict(line.split(":", 1) for line in information.read_text().splitlines() if ":" in line)
        said = {name.strip(): value.strip() for name, value in told.items()}
        cpu += [said.get(name, "") for name in ("model name", "CPU part", "flags", "Features")]
    return [*cpu, torch.__version__, _version("numba")]


def _version(package: str) -> str | None:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None
