"""Labelled series of numbers with one or many channels, of one length or of many."""

import dataclasses
import math
import re
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from rnnsweep.data import ucr
from rnnsweep.data.arrays import opened
from rnnsweep.data.gaps import fill, tell_filled, unmarked, without_marks
from rnnsweep.data.tables import DataTable, Decimal, parse
from rnnsweep.data.times import times
from rnnsweep.data.ucr import Row, Series
from rnnsweep.data.user_files import File, kept, read
from rnnsweep.errors import ConfigError, listed, tell_once

Missing = Literal["refuse", "interpolate", "forward"]
LONG = ("id", "time", "label")
"""Columns of a long table; all others are channels."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
EXACT = 2.0**53  # whole numbers below it are exact in float64


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledSeries:
    """Series with their classes.

    Args:
        places: where each stands in its file, for people.
        values: the numbers of each.
        labels: the class of each.
        channels: names of the channels: of a table's columns, or 0, 1, ….
        sha256: of the file.
    """

    places: list[str]
    values: list[Series]
    labels: list[str]
    channels: list[str]
    sha256: str


@kept(6)
def load(
    path: str,
    encoding: str = "utf-8",
    decimal: Decimal = ".",
    missing: Missing = "refuse",
    key: str = "task.path",
    marks: tuple[float, ...] = (),
) -> LabelledSeries:
    """The series of a file: UCR text, `.ts`, `.npz`, or a long table with the columns id, time, channels and label.

    Args:
        path: the file.
        encoding: of a text.
        decimal: the decimal mark of a long table.
        missing: what to do where a number is missing inside of a series.
        key: the setting that names the file, for errors.
        marks: numbers that stand for a missing one.

    Raises:
        ConfigError: the file, or a series in it, cannot be used.
    """
    file = read(path, key)
    names: list[str] = []
    if path.lower().endswith(".npz"):
        found = _arrays(file, marks)
    elif path.lower().endswith(".ts"):
        found = ucr.ts(file, file.text(encoding))
    elif _is_long(text := file.text(encoding)):
        found, names = _long(parse(file, encoding, decimal))
    else:
        found = ucr.rows(file, text, marks)
        if path.lower().endswith(".csv"):  # the archive's files have other names
            tell_once(f"`{path}`: the first field of each line is read as the class of its series")
    if not found:
        raise file.wrong(f"`{path}` holds no series")
    if decimal != "." and not names:
        problem = f"`{path}` is no CSV of id, time, channels and label; its numbers have decimal points"
        raise ConfigError("task.decimal", f"{problem}; leave the setting out", (key,))
    channels = names or [str(number) for number in range(found[0][1].shape[1])]
    steps = unmarked(path, channels, np.concatenate([values for _, values, _ in found]), marks)
    ends = np.cumsum([len(values) for _, values, _ in found])
    found = [(row[0], values, row[2]) for row, values in zip(found, np.split(steps, ends[:-1]), strict=True)]
    whole = [_whole(file, row, missing) for row in found]
    absent = sum(int(np.isnan(values).sum()) for _, values, _ in found)
    tell_filled(path, absent, sum(values.size for _, values, _ in found), missing)
    return LabelledSeries(
        [place for place, _, _ in found], whole, _plain(file, [row[2] for row in found]), channels, file.sha256
    )


def _whole(file: File, row: Row, missing: Missing) -> Series:
    """A series without gaps, of at least one step."""
    import pandas

    place, values, label = row
    if not len(values):
        raise file.wrong(f"{place}: the series has no numbers")
    if not label:
        raise file.wrong(f"{place}: the series has no class")
    if not np.isnan(values).any():
        return values
    filled: Series = fill(pandas.DataFrame(values), missing).to_numpy()
    if np.isnan(filled).any():
        step, channel = np.argwhere(np.isnan(filled))[0]
        problem = f"{place}: step {step} of channel {channel} has no number"
        hint = "`task.missing=interpolate` and `task.missing=forward` fill it from its neighbours"
        hint = hint if missing == "refuse" else "no neighbour has one to fill it from"
        raise file.wrong(f"{problem}; {hint}", "task.missing")
    return filled


def _plain(file: File, labels: list[str]) -> list[str]:
    """Classes that are whole numbers, such as 1.0000000e+00, as `1`.

    Raises:
        ConfigError: two classes are written as the same number, such as 1 and 01.
    """
    if not all(NUMBER.fullmatch(label) for label in labels):
        return labels
    numbers = {label: float(label) for label in dict.fromkeys(labels)}
    if not all(number.is_integer() and abs(number) < EXACT for number in numbers.values()):
        return labels
    padded = {numbers[label]: label for label in numbers if re.match(r"[+-]?0\d", label)}
    for label, number in numbers.items():
        if padded.get(number, label) != label:
            problem = f"the classes '{label}' and '{padded[number]}' are one number"
            raise file.wrong(f"`{file.path}`: {problem}; write them alike, or with letters")
    return [str(int(numbers[label])) for label in labels]


# Arrays ----------------------------------------------------------------------------------------------------------


def _arrays(file: File, marks: tuple[float, ...]) -> list[Row]:
    """`x` (series, time, channel) or (series, time), `y` (series,), and `lengths` (series,) where they differ."""
    hint = "write it by `numpy.savez(path, x=x, y=y)`, and ragged series padded, with `lengths=lengths`"
    with opened(file, hint) as arrays:
        found: dict[str, Any] = {name: arrays[name] for name in arrays.files if name in ("x", "y", "lengths")}
        names = list(arrays.files)
    if not {"x", "y"} <= found.keys():
        raise file.wrong(f"`{file.path}` holds {listed(names)}; expected `x` and `y`")
    x, y = found["x"], found["y"]
    if x.ndim not in (2, 3) or y.shape != x.shape[:1] or x.dtype.kind not in "biuf":
        problem = f"`x` of `{file.path}` has the shape {x.shape} and `y` {y.shape}"
        raise file.wrong(f"{problem}; expected numbers (series, time, channel) or (series, time), and (series,)")
    if y.dtype.kind == "f" and np.isnan(y).any():
        raise file.wrong(f"series {int(np.isnan(y).argmax())} of `{file.path}` has no class: its `y` is not a number")
    values = x.reshape(*x.shape[:2], math.prod(x.shape[2:])).astype(np.float64)
    if values.shape[1] < values.shape[2]:
        read = f"`x` of `{file.path}` is read as (series, time, channel): {values.shape[2]} channels"
        tell_once(f"{read} of at most {values.shape[1]} steps")
    lengths = found.get("lengths", _until_padding(without_marks(values, marks)))
    whole = lengths.shape == (len(x),) and lengths.dtype.kind in "iu"
    if not whole or ("lengths" in found and not ((lengths > 0) & (lengths <= x.shape[1])).all()):
        raise file.wrong(f"`lengths` of `{file.path}`: expected a whole number from 1 to {x.shape[1]} for each series")
    if np.isinf(values).any():
        raise file.wrong(f"series {int(np.argwhere(np.isinf(values))[0, 0])} of `{file.path}` is not finite")
    rows = zip(values, lengths.tolist(), y.tolist(), strict=True)
    return [(f"series {n} of `{file.path}`", each[:length], str(label)) for n, (each, length, label) in enumerate(rows)]


def _until_padding(values: Float64[np.ndarray, "series time channel"]) -> np.ndarray:
    """The steps of each series before those at its end that are not a number in any channel."""
    there = ~np.isnan(values).all(2)
    lengths: np.ndarray = (there * np.arange(1, values.shape[1] + 1)).max(1, initial=0)
    return lengths


# Long tables -----------------------------------------------------------------------------------------------------


def _is_long(text: str) -> bool:
    first = text.lstrip().split("\n", 1)[0].lower().replace(";", ",").replace("\t", ",")
    names = {name.strip().strip('"') for name in first.split(",")}
    return {"id", "label"} <= names


def _long(table: DataTable) -> tuple[list[Row], list[str]]:
    """A row for each step of each series; the steps are put in the order of their times."""
    file, named = table.file, {name.lower(): name for name in table.names}
    if absent := [name for name in LONG if name not in named]:
        raise file.wrong(f"`{file.path}` has no column {listed(absent)}; expected id, time, the channels, and label")
    if twice := [name for name in table.names if name.lower() in LONG and named[name.lower()] != name]:
        problem = f"has the columns `{twice[0]}` and `{named[twice[0].lower()]}`; give one of them another name"
        raise file.wrong(f"`{file.path}` {problem}")
    channels = [name for name in table.names if name.lower() not in LONG]
    if not channels:
        raise file.wrong(f"`{file.path}` has no channels: columns of numbers beside id, time and label")
    ids, labels = table.column(named["id"], file.key), table.column(named["label"], file.key)
    if nameless := ids.index[ids == ""].tolist():
        raise file.wrong(f"{file.line(nameless[0])}: the row says no `{named['id']}`, so its series is not known")
    when = times(table, named["time"])
    values = np.stack([table.gaps(name) for name in channels], 1)
    lines = table.cells.index.to_numpy()
    found = []
    for name, places in ids.groupby(ids.to_numpy(), sort=False).indices.items():
        order = places[np.argsort(when[places], kind="stable")]
        _check_one(file, str(name), lines[order], when[order], labels.to_numpy()[order])
        found.append((f"series `{name}` of `{file.path}`", values[order], str(labels.iloc[int(order[0])])))
    return found, channels


def _check_one(file: File, name: str, lines: Any, when: Any, labels: Any) -> None:
    """Refuses a series with two classes, or with two rows for one time."""
    other = np.flatnonzero(labels != labels[0])
    if len(other):
        problem = f"{file.line(int(lines[other[0]]))}: the series `{name}` is {labels[other[0]]!r} here"
        raise file.wrong(f"{problem}, and {labels[0]!r} in line {int(lines[0])}; a series has one class")
    twice = np.flatnonzero(when[1:] == when[:-1])
    if len(twice):
        first, second = sorted(int(lines[twice[0] + place]) for place in (0, 1))
        raise file.wrong(f"{file.line(second)}: the series `{name}` has the time of line {first} again")
