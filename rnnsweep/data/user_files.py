"""The files that a user names, as bytes and as text. Every reader in this folder begins here."""

import codecs
import contextlib
import dataclasses
import functools
import hashlib
import io
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

from rnnsweep.data.encodings import likely
from rnnsweep.errors import ConfigError, nearest, tell_once

Given = ParamSpec("Given")
Found = TypeVar("Found")

HEAD = 65536  # bytes at the beginning of a file that tell whether it is text

ONE_BYTE = ("cp1250", "cp1251", "cp1252", "iso8859-1", "iso8859-15", "koi8-r", "mac-roman")
"""Encodings, by Python's names, that read any bytes, or nearly any."""

KINDS = {
    b"\x1f\x8b": "a gzip archive",
    b"BZh91AY&SY": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"%PDF-": "a PDF document",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel or Word document",
    b"\x93NUMPY": "an array of numpy.save",
    b"PAR1": "a Parquet file",
    b"\x89HDF\r\n": "an HDF5 file",
    b"MATLAB 5.0 MAT-file": "a MATLAB file",
    b"SQLite format 3\0": "an SQLite database",
    b"\x80\x04\x95": "a Python pickle",
    b"\x80\x05\x95": "a Python pickle",
}
"""What a file is that begins with these bytes."""

DOCUMENTS = {
    "Index/": "an Apple Numbers document",
    "Index.zip": "an Apple Numbers document",
    "xl/": "an Excel workbook",
    "content.xml": "an OpenDocument file",
}
"""What a zip archive is that holds such a name."""


@dataclasses.dataclass(frozen=True)
class File:
    """The content of a file.

    Args:
        path: the file as the user named it.
        key: the setting that names it, for errors.
        content: its bytes.
    """

    path: str
    key: str
    content: bytes = dataclasses.field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def line(self, number: int) -> str:
        """A line of the file, as errors name it."""
        return f"line {number} of `{self.path}`"

    def wrong(self, problem: str, *others: str) -> ConfigError:
        """What is wrong with the file; `others` are settings that may be at fault in its place."""
        return ConfigError(self.key, problem, others)

    def text(self, encoding: str = "utf-8") -> str:
        """The file as text, without a byte order mark.

        Raises:
            ConfigError: the file is an archive, binary, or in another encoding; it names the one that would work.
        """
        if kind := _kind(self.content):
            raise self.wrong(f"`{self.path}` is {kind}, not text; unpack it, or export it as text or CSV")
        try:
            text = self.content.decode(encoding).removeprefix("\ufeff")
        except UnicodeError as error:
            raise self.wrong(self._other_encoding(encoding, error), "task.encoding") from None
        except (LookupError, ValueError):
            problem = f"Python has no text encoding `{encoding}`; usual ones are utf-8, utf-16, cp1252 and latin-1"
            raise ConfigError("task.encoding", problem) from None
        if "\0" in text[:HEAD]:
            raise self.wrong(self._other_encoding(encoding, None), "task.encoding")
        if not text.isascii() and codecs.lookup(encoding).name in ONE_BYTE and _is_utf8(self.content):
            problem = f"as it is read as {encoding}, its letters beyond ASCII become other letters"
            tell_once(f"`{self.path}` is valid UTF-8; {problem}")
        return text

    def _other_encoding(self, encoding: str, error: UnicodeError | None) -> str:
        named = "UTF-8" if encoding == "utf-8" else encoding
        better = likely(self.content)
        if better is None:
            return f"`{self.path}` is a binary file; expected {named} text"
        at = error.start if isinstance(error, UnicodeDecodeError) else None
        where = "" if at is None else f" (byte {at} is 0x{self.content[at]:02x})"
        name, sample = better
        return f"`{self.path}` is not {named}{where}; `task.encoding={name}` reads it as {sample!r}"


class Kept(Generic[Given, Found]):
    """A reader that keeps what it has read, as functools.lru_cache does, until the file changes.

    Args:
        read: reads the file, or the folder, that its first argument names.
        most: results to keep.
    """

    def __init__(self, read: Callable[Given, Found], most: int):
        functools.update_wrapper(self, read)
        cached = functools.lru_cache(maxsize=most)(lambda _, *args, **kwargs: read(*args, **kwargs))
        self._read: Callable[..., Found] = cached
        self.cache_clear = cached.cache_clear

    def __call__(self, *args: Given.args, **kwargs: Given.kwargs) -> Found:
        return self._read(_state(args[0]), *args, **kwargs)


def kept(most: int) -> Callable[[Callable[Given, Found]], Kept[Given, Found]]:
    """Makes a reader keep its last `most` results, each until the file changes."""
    return lambda read: Kept(read, most)


def _state(path: object) -> tuple[int, ...] | None:
    """What changes with a file, or with a file of a folder; None where there is none, which the reader says."""
    try:
        where = Path(str(path)).expanduser()
        found = [entry.stat() for entry in (where, *(sorted(where.iterdir()) if where.is_dir() else ()))]
    except (OSError, ValueError, RuntimeError):
        return None
    return tuple(number for each in found for number in (each.st_dev, each.st_ino, each.st_mtime_ns, each.st_size))


def read(path: str | Path, key: str, wanted: str = "file") -> File:
    """The file at a path; `wanted` is what errors say should be there.

    Raises:
        ConfigError: it is missing, a directory, no regular file (a device or a pipe may never end), or cannot be read.
    """
    with _told(path, key, wanted):
        where = Path(path).expanduser()
        mode = where.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ConfigError(key, f"`{path}` is a directory; give one file")
        if not stat.S_ISREG(mode):
            raise ConfigError(key, f"`{path}` is a device, a pipe or a socket; give a regular file")
        return File(str(path), key, where.read_bytes())


def entries(path: str, key: str) -> list[Path] | None:
    """What is in a folder, hidden files left out, in the order of the names; None where the path is no folder.

    Raises:
        ConfigError: the path cannot be read.
    """
    with _told(path, key, "folder"):
        where = Path(path).expanduser()
        if not where.is_dir():
            return None
        return sorted(entry for entry in where.iterdir() if not entry.name.startswith("."))


@contextlib.contextmanager
def _told(path: str | Path, key: str, wanted: str) -> Iterator[None]:
    """Turns the system's errors about a path into errors about a setting."""
    if not str(path):
        raise ConfigError(key, f"the path is empty; give a {wanted}, or null")
    try:
        yield
    except FileNotFoundError:
        raise ConfigError(key, f"there is no {wanted} `{path}`{_like(Path(path).expanduser())}") from None
    except OSError as error:
        raise ConfigError(key, f"cannot read `{path}`: {error.strerror}") from None
    except (ValueError, RuntimeError) as error:  # a NUL in the path; `~name` of nobody
        raise ConfigError(key, f"cannot read `{path}`: {error}") from None


def _like(path: Path) -> str:
    """`. Did you mean ...?` where the folder of a missing file has a name like it; else empty."""
    with contextlib.suppress(OSError):
        close = nearest(path.name, sorted(entry.name for entry in path.parent.iterdir()))
        return f". Did you mean `{path.with_name(close)}`?" if close else ""
    return ""


def line_ends(text: str) -> str:
    r"""The text with \n at each line's end. A line ends at \n or \r\n; at \r only in a file that has no \n.

    `str.splitlines` cuts at U+2028, U+0085, form feeds and more, which stand inside of lines.
    """
    return re.sub("\r+\n", "\n", text) if "\n" in text else text.replace("\r", "\n")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeError:
        return False
    return True


def _kind(content: bytes) -> str:
    """The kind of a file that is not text, judged by its first bytes."""
    if content.startswith(b"PK\x03\x04"):
        try:
            names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        except zipfile.BadZipFile:
            names = []
        found = (kind for start, kind in DOCUMENTS.items() if any(name.startswith(start) for name in names))
        return next(found, f"a zip archive of {', '.join(map(repr, names[:3])) or 'something damaged'}")
    return next((kind for start, kind in KINDS.items() if content.startswith(start)), "")
