"""Files that may be damaged, and disks that may be full: how every file of a study is read and written.

A file that does not have the right shape counts as absent. That is said once, and the file is written anew when it is
needed. Whole files are written beside their place and renamed into it, so that a kill leaves the old or the new one.
"""

import contextlib
import functools
import io
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from rnnsweep import system
from rnnsweep.errors import MachineError, tell_once

Shape = TypeVar("Shape")
Buffer = bytes | memoryview
Content = str | bytes | Callable[[IO[bytes]], object]
"""What a file is to hold: the text or the bytes, or a function that writes them into an open file."""

Sound = Callable[[Shape], bool]

ABSENT = (FileNotFoundError, NotADirectoryError)


def read(path: Path, shape: Callable[..., Shape], sound: Sound[Shape] | None = None) -> Shape | None:
    """What a JSON file holds; None where there is no such file, or none of that shape, which is said once.

    Args:
        path: the file.
        shape: a type that pydantic can check, such as a dataclass or `dict[str, float]`.
        sound: what must hold besides.

    Raises:
        MachineError: the file is there and the system does not let us read it.
    """
    try:
        content = path.read_bytes()
    except ABSENT:
        return None
    except IsADirectoryError:
        content = b""
    except OSError as error:
        raise MachineError(path, error, "read") from error
    found = parsed(content, shape, sound)
    if found is None:
        tell_once(f"{shown(path)} is damaged (cut short, or of another program); it counts as absent")
    return found


def shown(path: Path) -> str:
    """A path as a person types it, the same in all processes of a command: below the working directory without it."""
    try:
        here, whole = Path.cwd(), path.absolute()
    except OSError:  # somebody deleted the working directory
        return str(path)
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)


def parsed(content: bytes, shape: Callable[..., Shape], sound: Sound[Shape] | None = None) -> Shape | None:
    """JSON of that shape, or None. Types are checked strictly: a text is no number."""
    kind: Any = shape
    try:
        found: Shape = _checker(kind).validate_json(content, strict=True)
    except ValueError:  # pydantic's own are of this kind
        return None
    return found if sound is None or sound(found) else None


@functools.cache
def _checker(shape: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(shape)


def write(path: Path, content: Content, *, synced: bool = True) -> None:
    """Writes a whole file. The old or the new one is there at any time; a write that fails leaves the old one.

    Args:
        path: the file; its directory exists.
        content: what it is to hold.
        synced: whether the new file must survive a loss of power. False for files that are cheap to make again.

    Raises:
        MachineError: the disk is full, or what else the system says.
    """
    partial = path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}.partial")  # others may write the same file
    data = _in_memory(content)
    with faults(path):
        try:
            with open(partial, "wb", buffering=0) as file:
                _put(file, data)
                if synced:
                    os.fsync(file.fileno())
            system.replace(partial, path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise
        if synced:
            system.sync_directory(path.parent)


def _in_memory(content: Content) -> Buffer:
    """The content in memory: a library that writes a file by itself would hide the system's error."""
    if isinstance(content, str):
        return content.encode(errors="replace")  # a file name that is not UTF-8 may stand in an error's text
    if isinstance(content, bytes):
        return content
    memory = io.BytesIO()
    content(memory)
    return memory.getvalue()  # a view would still be open when Python 3.13 closes `memory`


def make(folder: Path) -> None:
    """Makes a directory and those above it, where they are not there.

    Raises:
        MachineError: the system does not let us.
    """
    with faults(folder, "made"):
        folder.mkdir(parents=True, exist_ok=True)


def delete(path: Path) -> None:
    """Deletes a file, where there is one.

    Raises:
        MachineError: the system does not let us.
    """
    with faults(path, "deleted"):
        if os.path.lexists(path):  # a disk that cannot be written refuses even what is not there
            path.unlink(missing_ok=True)


def append(file: io.FileIO, data: Buffer) -> None:
    """Writes at the end of an open file, whole or not at all.

    Raises:
        OSError: the system's; the file is as long as it was.
    """
    before = os.fstat(file.fileno()).st_size
    try:
        _put(file, data)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file.fileno(), before)
        raise


def _put(file: io.FileIO, data: Buffer) -> None:
    left = memoryview(data)
    while left:  # a disk that fills up takes a part first, and says why at the next
        left = left[file.write(left) :]


@contextmanager
def faults(path: Path, verb: str = "written") -> Iterator[None]:
    """Turns the system's errors inside the block into one that names this file."""
    try:
        yield
    except OSError as error:
        raise MachineError(path, error, verb) from error
