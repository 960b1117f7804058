"""Several series over the same times: columns of a CSV, arrays, or made up."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float64, Int

from rnnsweep import rng
from rnnsweep.data.arrays import opened
from rnnsweep.data.gaps import Missing, fill, tell_filled, unmarked
from rnnsweep.data.tables import DataTable, Decimal, parse
from rnnsweep.data.times import check_steps, dates, first_dates, index_words, is_even
from rnnsweep.data.user_files import File, kept, read
from rnnsweep.errors import ConfigError, listed, tell_once

FEW = 5
"""Columns that a message names one by one."""


@dataclasses.dataclass(frozen=True, eq=False)
class Panel:
    """Numbers of several columns.

    Args:
        names: the columns.
        values: a row for each time.
        times: the date of each row; None where there are none.
        sha256: of the file; empty where the series are made up.
        lines: where each row begins in the file; None where it has no lines.
    """

    names: list[str]
    values: Float64[np.ndarray, "row column"]
    times: list[str] | None
    sha256: str = ""
    lines: Int[np.ndarray, "row"] | None = None


@kept(4)
def load(
    path: str,
    columns: tuple[str, ...] | None,
    date: str | None,
    encoding: str = "utf-8",
    decimal: Decimal = ".",
    missing: Missing = "refuse",
    marks: tuple[float, ...] = (),
) -> Panel:
    """The series of a file.

    Args:
        path: a CSV with a line of names, or an `.npz` of `x` (row, column) or (row,), and `columns` and `time` at will.
        columns: those to read; None: all but that of the dates.
        date: the column of the dates; None: the first that holds dates, if any does.
        encoding: of a CSV.
        decimal: the decimal mark of a CSV.
        missing: what to do where a number is missing. drop: leave the row out.
        marks: numbers that stand for a missing one.

    Raises:
        ConfigError: the file, a column, a number or the order of the dates is not as expected.
    """
    file = read(path, "task.path")
    whole = _arrays(file, date) if path.lower().endswith(".npz") else _table(file, columns, date, encoding, decimal)
    wanted = _every(file, whole) if columns is None else columns
    if wrong := [name for name in wanted if name not in whole.names]:
        hint = f"`{path}` has {listed(whole.names)}"
        raise ConfigError("task.columns", f"there is no column {listed(wrong)}; {hint}", ("task.column", "task.path"))
    if not wanted:
        raise file.wrong(f"`{path}` has no column of numbers", "task.columns")
    places = [whole.names.index(name) for name in wanted]
    values = unmarked(path, wanted, whole.values[:, places], marks)
    return _filled(file, dataclasses.replace(whole, names=list(wanted), values=values), missing)


def _table(file: File, columns: tuple[str, ...] | None, date: str | None, encoding: str, decimal: Decimal) -> Panel:
    table = parse(file, encoding, decimal)
    if not len(table.cells):
        raise file.wrong(f"`{file.path}` has no rows")
    found = first_dates(table, [name for name in table.names if date is None or name == date])
    when = None if found is None else found[0]
    if date is not None and when is None:
        table.column(date, "task.date")  # raises where there is none
        raise ConfigError("task.date", f"the column `{date}` holds no dates such as 2024-03-31 12:00", ("task.path",))
    names = [name for name in table.names if name != when] if columns is None else [*columns]
    values = np.stack([table.gaps(name, "task.columns") for name in names], 1) if names else np.empty((0, 0))
    times = None if found is None else _ordered(table, *found)
    return Panel(names, values, times, file.sha256, table.cells.index.to_numpy(np.int64))


def _ordered(table: DataTable, name: str, moments: np.ndarray) -> list[str]:
    """The dates as text, once they are found to go forward."""
    import pandas

    check_steps(table.file, name, moments, lambda row: table.file.line(int(table.cells.index[row])))
    return [moment.isoformat(" ") for moment in pandas.to_datetime(moments)]


def _arrays(file: File, date: str | None) -> Panel:
    if date is not None:
        raise ConfigError("task.date", "an .npz has its dates in the array `time`; leave the setting out")
    with opened(file, "write it by `numpy.savez(path, x=x)`") as arrays:
        found = {name: arrays[name] for name in arrays.files}
    if "x" not in found or found["x"].ndim not in (1, 2) or found["x"].dtype.kind not in "biuf":
        shapes = ", ".join(f"`{name}` {array.shape}" for name, array in found.items()) or "nothing"
        raise file.wrong(f"`{file.path}` holds {shapes}; expected `x` of numbers (row, column) or (row,)")
    x = found["x"].astype(np.float64)
    if not len(x):
        raise file.wrong(f"`{file.path}` has no rows")
    values = x[:, None] if x.ndim == 1 else x
    names = [str(name) for name in found.get("columns", np.arange(values.shape[1])).tolist()]
    times = [str(time) for time in found["time"].tolist()] if "time" in found else None
    if len(names) != values.shape[1] or (times is not None and len(times) != len(values)):
        problem = f"`{file.path}` has {values.shape} numbers, {len(names)} names in `columns`"
        dated = "" if times is None else f" and {len(times)} entries in `time`"
        raise file.wrong(f"{problem}{dated}; expected a name for each column, and a time for each row")
    if twice := [name for name in names if names.count(name) > 1]:
        raise file.wrong(f"`columns` of `{file.path}` has `{twice[0]}` twice; give each a name of its own")
    if "time" in found:
        _check_times(file, found["time"])
    if np.isinf(values).any():
        raise file.wrong(f"row {int(np.argwhere(np.isinf(values))[0, 0])} of `{file.path}` is not finite")
    return Panel(names, values, times, file.sha256)


def _check_times(file: File, times: np.ndarray) -> None:
    """Refuses the array `time` where it does not go forward; texts that are no dates are names."""
    import pandas

    found = dates(pandas.Series(times.astype(str))) if times.dtype.kind == "U" else None
    if found is not None or times.dtype.kind == "M":
        times = (times if found is None else found.to_numpy()).astype("datetime64[us]")
    if times.dtype.kind in "iufM":
        check_steps(file, "time", times, lambda row: f"row {row} of `{file.path}`")


def _every(file: File, panel: Panel) -> list[str]:
    """All columns, which are read where `task.columns` names none.

    Raises:
        ConfigError: one has no name, as the index of a pandas frame, or counts the rows.
    """
    for name, numbers in zip(panel.names, panel.values.T, strict=True):
        if not name or (len(panel.names) > 1 and is_even(numbers)):
            raise file.wrong(f"{index_words(file.path, name)}; {_without(panel.names, name)}", "task.columns")
        if len(panel.names) > 1 and (np.diff(numbers) > 0).all():
            tell_once(f"`{file.path}`: `{name}` rises in every row, as times do; it is read as a column of numbers")
    return panel.names


def _without(names: Sequence[str], one: str) -> str:
    """How the others are read alone."""
    others = [name for name in names if name != one]
    plain = len(others) <= FEW and all(name.isidentifier() for name in others)
    return f"say which columns to read, as in `task.columns=[{','.join(others) if plain else 'NAME,NAME'}]`"


def _filled(file: File, panel: Panel, missing: Missing) -> Panel:
    """The panel without gaps."""
    import pandas

    absent = np.isnan(panel.values)
    filled = fill(pandas.DataFrame(panel.values), missing)
    gaps = np.argwhere(filled.isna().to_numpy())
    if len(gaps):
        row, column = int(filled.index[gaps[0, 0]]), panel.names[gaps[0, 1]]
        place = f"row {row} of `{file.path}`" if panel.lines is None else file.line(int(panel.lines[row]))
        problem = f"{place} has no number in the column `{column}`"
        hint = "say what to do: `task.missing=drop`, `task.missing=interpolate` or `task.missing=forward`"
        if missing != "refuse":
            hint = "no neighbour has one to fill it from; `task.missing=drop` leaves the row out"
        raise file.wrong(f"{problem}; {hint}", "task.missing")
    counted = absent.any(1) if missing == "drop" else absent
    tell_filled(file.path, int(counted.sum()), counted.size, missing)
    kept = filled.index.to_numpy()
    times = None if panel.times is None else [panel.times[row] for row in kept]
    lines = None if panel.lines is None else panel.lines[kept]
    return dataclasses.replace(panel, values=filled.to_numpy(np.float64), times=times, lines=lines)


def transformer(points: int, season: int, noise: float, seed: int) -> Panel:
    """Made up: the hourly oil temperature `OT` of a transformer, and its `load`.

    The load wanders (an autoregression of order 1), and so does what is left of the temperature, times `noise`. The
    temperature follows a daily and a weekly rhythm and, six hours later, the load: power in either direction warms the
    oil, so a linear model cannot use it.
    """
    import pandas

    generator = rng.generator(seed, "data")
    shocks = torch.randn(points, 2, generator=generator, dtype=torch.float64).numpy()
    wandering = np.zeros((points, 2))
    for step in range(1, points):
        wandering[step] = 0.95 * wandering[step - 1] + math.sqrt(1 - 0.95**2) * shocks[step]
    phase = 2 * math.pi * np.arange(points) / season
    rhythm = np.sin(phase) + 0.4 * np.sin(2 * phase + 1) + 0.3 * np.sin(phase / 7)
    later = np.abs(np.concatenate([np.zeros(min(6, points)), wandering[:-6, 0]])[:points])
    times = pandas.date_range("2024-01-01", periods=points, freq="h")
    values = np.stack([rhythm + 1.5 * later + noise * wandering[:, 1], wandering[:, 0]], 1)
    return Panel(["OT", "load"], values, [time.isoformat(" ") for time in times])
