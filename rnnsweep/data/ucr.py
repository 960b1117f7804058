"""Labelled series as text: a row a series, as in the UCR archive, or the .ts files of the UEA archive and sktime."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64

from rnnsweep.data.gaps import ABSENT, without_marks
from rnnsweep.data.user_files import File, line_ends

SEPARATOR = r" *[,;\t] *| +"
"""What separates numbers."""
NAMED = {";": "semicolon", "\t": "tab", "": "blank"}

Series = Float64[np.ndarray, "_ channel"]
Row = tuple[str, Series, str]
"""Where a series stands, its numbers, and its class."""


def rows(file: File, text: str, marks: Sequence[float] = ()) -> list[Row]:
    """A series in each line, its class first; numbers are separated by commas, tabs or blanks.

    Where the series differ in length, missing numbers at the end of a line are its padding, as in the archive of 2018.
    So are `marks`, numbers that stand for a missing one.

    Raises:
        ConfigError: names the line where a field is no number.
    """
    found = []
    for number, line in enumerate(line_ends(text).split("\n"), 1):
        if line.strip():
            between = {each.strip(" ") for each in re.findall(SEPARATOR, line.strip())}
            if "," in between and len(between) > 1:
                other = next(name for separator, name in NAMED.items() if separator in between)
                problem = f"separates by commas and by {other}s; separate by one of them"
                raise file.wrong(f"{file.line(number)} {problem}, and write decimal points in place of decimal commas")
            label, *fields = re.split(SEPARATOR, line.strip())
            values = _numbers(file, number, fields)
            kept = len(values) - np.isnan(without_marks(values[::-1], marks)).cumprod().sum()
            found.append((file.line(number), values[: int(kept), None], label))
    return found


def ts(file: File, text: str) -> list[Row]:
    """A series in each line below `@data`: channels separated by colons, numbers by commas, and the class at the end.

    Raises:
        ConfigError: the file has no classes or no `@data`, has time stamps, or names the line that cannot be read.
    """
    found: list[Row] = []
    below, channels = False, 0
    for number, line in _lines(text):
        if not below:
            _check_head(file, number, line)
            below = line.lower().startswith("@data")
            continue
        *parts, label = line.split(":")
        values = [_numbers(file, number, part.split(",")) for part in parts]
        lengths = {len(part) for part in values}
        if not values or (channels and len(values) != channels):
            problem = f"has {len(values)} channels, not {channels}" if values else "has no class after its numbers"
            raise file.wrong(f"{file.line(number)} {problem}")
        if len(lengths) > 1:
            raise file.wrong(
                f"{file.line(number)}: its channels have {min(lengths)} to {max(lengths)} numbers; "
                "expected as many in each"
            )
        channels = len(values)
        found.append((file.line(number), np.stack(values, 1), label.strip()))
    if not below:
        raise file.wrong(f"`{file.path}` has no line `@data`; a .ts file has its series below it")
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(line_ends(text).split("\n"), 1):
        if line.strip() and not line.startswith(("#", "%")):
            yield number, line.strip()


def _check_head(file: File, number: int, line: str) -> None:
    """Refuses what a .ts file's head announces and a classification of plain series does not have."""
    words = line.lower().split()
    if words[:2] == ["@timestamps", "true"]:
        raise file.wrong(f"{file.line(number)}: series with time stamps are not read; write their numbers alone")
    if words[:2] in (["@classlabel", "false"], ["@targetlabel", "true"]):
        raise file.wrong(f"{file.line(number)} says that the series have no classes; expected `@classLabel true …`")
    if not line.startswith("@"):
        raise file.wrong(f"{file.line(number)}: expected a line that begins with `@`, got {line[:30]!r}")


def _numbers(file: File, number: int, fields: list[str]) -> Float64[np.ndarray, "time"]:
    """The numbers of some fields; NaN where one is missing."""
    written = ["nan" if field.strip().lower() in ABSENT else field for field in fields]
    wrong = next((field for field in written if "_" in field), None)  # 1_0 is 10 in Python alone
    try:
        values = np.array(written if wrong is None else ["nan"], np.float64)
    except ValueError:
        wrong = next(field for field in written if not _is_number(field))
    if wrong is not None:
        raise file.wrong(f"{file.line(number)}: expected a number, got {wrong.strip()!r}")
    if np.isinf(values).any():
        raise file.wrong(f"{file.line(number)}: {fields[int(np.isinf(values).argmax())].strip()} is not finite")
    return values


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
