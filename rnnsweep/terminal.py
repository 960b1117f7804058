"""The frame of every command: no work stops because its output cannot be printed, and an error is one line.

Nobody may read the output (`| head -1`), the disk behind it may be full, a terminal may know ASCII alone.
"""

import argparse
import codecs
import errno
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from rnnsweep.errors import ConfigError, MachineError
from rnnsweep.interrupt import Interrupted


class Output(io.FileIO):
    """Standard output or error. After a write that failed, all that follows is dropped, and `lost` says why."""

    def __init__(self, descriptor: int, on_loss: Callable[[OSError], None]):
        super().__init__(descriptor, "w", closefd=False)
        self.on_loss = on_loss
        self.lost: OSError | None = None

    def write(self, data: Any, /) -> int:
        while self.lost is None:
            try:
                written = super().write(data)
            except OSError as error:
                self.lost = error
                self.on_loss(error)
                break
            if written is not None:
                return written
            select.select([], [self], [])  # another program made the descriptor non-blocking, and it is full now
        return len(data)


@contextmanager
def command(name: str, *, trains: bool = False) -> Iterator[None]:
    """Frames a command's main function, as its decorator.

    Args:
        name: what the line of an error begins with.
        trains: the command's product is files: it goes on where its output cannot be printed, and says so. Any other
            ends as shells expect, with 141 where nobody reads it, with 1 and a line where it cannot be written.
    """

    def on_loss(error: OSError) -> None:
        if trains:
            complain(name, f"the output cannot be printed ({error.strerror}); the work goes on without it", 0)

    output = _outputs(on_loss)
    try:
        _check_place()
        yield
    except KeyboardInterrupt as interrupt:
        sys.exit(interrupt.exit_code if isinstance(interrupt, Interrupted) else 130)
    except ConfigError as error:
        sys.exit(complain(name, error, 2))
    except MachineError as error:
        sys.exit(complain(name, error, error.exit_code))
    except OSError as error:
        sys.exit(complain(name, error, MachineError.exit_code))
    else:
        sys.stdout.flush()
        lost = output.lost if output is not None and not trains else None
        if lost is not None and lost.errno == errno.EPIPE:
            sys.exit(141)
        if lost is not None:
            sys.exit(complain(name, f"the output cannot be printed ({lost.strerror})", 1))


class Arguments(argparse.ArgumentParser):
    """A command's arguments; what is wrong with them is one line."""

    def error(self, message: str) -> NoReturn:
        name = self.prog.removeprefix("python -m ")
        sys.exit(complain(name, f"{message}; --help shows what there is", 2))


def between(kind: type[int] | type[float], least: float, most: float = 1_000_000) -> Callable[[str], float]:
    """The type of an argument that is a number from `least` to `most`."""

    def parse(text: str) -> float:
        number = kind(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"expected {least} to {most}, got {text}")
        return number

    parse.__name__ = kind.__name__  # argparse names it where a text is no number
    return parse


def _check_place() -> None:
    """Checks that a command can work where it was started.

    Raises:
        MachineError: the working directory was deleted; torch would end the process over it.
        ConfigError: the arguments hold letters that the locale lacks.
    """
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise MachineError(Path("the working directory"), error, "found") from None
    beyond = [word for word in sys.argv[1:] if not word.isascii()]
    if beyond and codecs.lookup(sys.getfilesystemencoding()).name == "ascii":
        word = os.fsencode(beyond[0]).decode("utf-8", "replace")
        raise ConfigError(word, "this locale has only ASCII letters; set the environment variable PYTHONUTF8=1")


def complain(name: str, error: Exception | str, code: int) -> int:
    """Prints one line on standard error; returns the code."""
    if isinstance(error, OSError) and error.filename:
        error = MachineError(Path(os.fsdecode(error.filename)), error, "used")
    said = error.strerror if isinstance(error, OSError) else ""
    print(f"{name}: {said or error}", file=sys.stderr)
    return code


def _outputs(on_loss: Callable[[OSError], None]) -> Output | None:
    """Puts tolerant streams in the place of this process's own; returns standard output's.

    None where standard output is not the process's own, as in a notebook or a test.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _occupy()
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(Output(2, lambda _: None), sys.stderr)
    if sys.stdout is not sys.__stdout__:
        return None
    output = Output(1, on_loss)
    sys.stdout = _text(output, sys.stdout)
    return output


def _text(output: Output, before: TextIO | None) -> TextIO:
    """Text in the encoding of `before`; a sign that the encoding lacks is shown by its number, as in \\u0436."""
    encoding = before.encoding if before is not None else "utf-8"
    at_once = isinstance(before, io.TextIOWrapper) and (before.line_buffering or before.write_through)
    return io.TextIOWrapper(io.BufferedWriter(output), encoding, "backslashreplace", line_buffering=at_once)


def _occupy() -> None:
    """Opens the descriptors that the caller closed on /dev/null, so that no file of ours takes an output's place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
