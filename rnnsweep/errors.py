"""The errors that a user reads as one line, and how such a line is said."""

import contextlib
import difflib
import errno
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from rnnsweep.system import EXIT_FAULT


class ToldError(Exception):
    """An error that a user reads as one line; in a notebook, too."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [f"rnnsweep: {self}"]


class ConfigError(ToldError):
    """A setting that cannot be used: `key` names it as in `task.text`, `problem` says why and what to do.

    `others` are settings that may be at fault in its place; the message names the one that the user typed.
    """

    def __init__(self, key: str, problem: str, others: tuple[str, ...] = ()):
        super().__init__(key, problem, others)  # all of them, so that the error can be pickled
        self.keys, self.problem = (key, *others), problem

    def __str__(self) -> str:
        return f"{self.keys[0]}: {self.problem}"


class MachineError(ToldError):
    """The machine failed, not the run: the disk is full, a permission is missing, a directory is gone.

    A run that meets it gets no record. It counts as interrupted, and the same command continues it.

    Args:
        path: the file or directory that could not be used.
        error: what the operating system said.
        verb: what was tried, as in `cannot be written`.
    """

    exit_code = EXIT_FAULT

    def __init__(self, path: Path, error: OSError, verb: str = "written"):
        super().__init__(path, error, verb)
        self.path, self.error, self.verb = path, error, verb

    def __str__(self) -> str:
        remedy = REMEDIES.get(self.error.errno or 0, "solve that")
        said = self.error.strerror or str(self.error)
        return f"{self.path} cannot be {self.verb}: {said}; {remedy}, then the same command continues"


class ReportError(ToldError):
    """What a report cannot be made of. The message names what was asked for, what there is, and what to do."""


_FULL, _FORBIDDEN = "make room on that disk", "give yourself the permission, or choose another directory"
_GONE = "bring its directory back"
REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "allow larger files (`ulimit -f unlimited`)",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.ENOENT: _GONE,
    errno.ESTALE: _GONE,
    errno.ENOTDIR: "move the file that stands where a directory should be",
    errno.EEXIST: "move the file that stands where a directory should be",
    errno.EISDIR: "move the directory that stands where a file should be",
    errno.EMFILE: "allow more open files (`ulimit -n`)",
}
"""What to do, by the number of the system's error."""


TOLD: set[str] = set()
"""What `tell_once` has said; a sweep's workers begin with what was said before they were started."""


def tell_once(message: str) -> None:
    """Says one line on stderr, once in a process and in the workers that it starts."""
    if message in TOLD:
        return
    TOLD.add(message)
    with contextlib.suppress(OSError, ValueError):  # a closed stderr must not end a run
        print(f"rnnsweep: {message}", file=sys.stderr, flush=True)


def tell_each(messages: Iterable[str]) -> None:
    """Says each of some lines as `tell_once` does."""
    for message in messages:
        tell_once(message)


def listed(names: Iterable[object], most: int = 20, form: Callable[[object], str] = repr) -> str:
    """Names for a message, `'a', 'b'`. Of many names, the first ones and how many more there are.

    Args:
        names: what to list.
        most: names that are shown.
        form: how a name is shown; `str` leaves the quotes out.
    """
    every = list(names)
    shown = ", ".join(map(form, every[:most])) or "nothing"
    return shown + (f" and {len(every) - most:,} more" if len(every) > most else "")


def many(count: int, noun: str, one: str = "", more: str = "") -> str:
    """A count with its noun, and with its verb, `one` or `more`, as in `1 run is`, `2 runs are`."""
    verb = one if count == 1 else more
    return f"{count:,} {noun}{'s' * (count != 1)}{' ' * bool(verb)}{verb}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a mistyped one; None where none is like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def last_line(error: object) -> str:
    """The last line of a traceback, which says what happened; empty if there is no text."""
    lines = [line.strip() for line in error.split("\n") if line.strip()] if isinstance(error, str) else []
    return lines[-1] if lines else ""
