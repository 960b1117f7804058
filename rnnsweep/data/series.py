"""Series of numbers: made-up noisy sines, or a column of a CSV file."""

import math
import re
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from rnnsweep import rng
from rnnsweep.data.gaps import Missing
from rnnsweep.data.tables import NUMBERS, DataTable, Decimal, parse
from rnnsweep.data.times import check_steps, first_dates, index_words, is_even
from rnnsweep.data.user_files import File, kept, read
from rnnsweep.errors import ConfigError, listed, tell_once

CONSTANT = 1e-13  # of the level: three digits above what float64 can hold


def sines(points: int, period: float, frequencies: int, noise: float, seed: int) -> Float[Tensor, "{points}"]:
    """The mean of sines of periods `period`, `period` / 2, …, their phases from the seed, and normal noise."""
    generator = rng.generator(seed, "data")
    phases = 2 * math.pi * torch.rand(frequencies, 1, generator=generator, dtype=torch.float64)
    waves = torch.arange(1, frequencies + 1)[:, None] * (2 * math.pi / period) * torch.arange(points)
    clean = torch.sin(waves.double() + phases).mean(0)
    return (clean + noise * torch.randn(points, generator=generator, dtype=torch.float64)).float()


@kept(4)
def column(
    path: str,
    name: str | None,
    encoding: str = "utf-8",
    decimal: Decimal = ".",
    missing: Missing = "refuse",
    marks: tuple[float, ...] = (),
) -> tuple[Float64[np.ndarray, "point"], str]:
    """The numbers of a column (the first, where no name is given) and the SHA-256 of the file.

    `marks` are numbers that stand for a missing one.

    Raises:
        ConfigError: names `task.path` or `task.column` where the file, the column or a number is not there.
    """
    file = read(path, "task.path")
    table = parse(file, encoding, decimal)
    if not table.names:
        raise file.wrong(f"`{path}` is empty")
    dated = first_dates(table, table.names)
    if dated is not None:
        check_steps(file, *dated, lambda row: file.line(int(table.cells.index[row])), strict=False)
    numbers = table.numbers(_first(table, decimal) if name is None else name, missing, marks)
    if name is None and len(table.names) > 1:
        _check_first(file, table.names, numbers)
    return numbers, file.sha256


def _check_first(file: File, names: Sequence[str], numbers: Float64[np.ndarray, "point"]) -> None:
    """Says that the first of several columns is read, where `task.column` names none.

    Raises:
        ConfigError: it counts the rows.
    """
    if is_even(numbers):
        how = "say which to read: `task.column=NAME`"
        raise file.wrong(f"{index_words(file.path, names[0], 'the first column')}; {how}", "task.column")
    tell_once(f"`{file.path}`: reads `{names[0]}`, the first of {len(names)} columns; `task.column` names another")


def _first(table: DataTable, decimal: Decimal) -> str:
    """The first column, which is read where `task.column` names none."""
    first, path = table.names[0], table.file.path
    if re.search(r"\d", first) and NUMBERS[decimal].fullmatch(first) and not first.isdigit():
        raise table.file.wrong(f"the first line of `{path}` holds numbers; expected the names of the columns")
    if not first:
        how = f"say which to read: `task.column=NAME`; its first line names {listed(table.names)}"
        raise table.file.wrong(f"{index_words(path, first, 'the first column')}; {how}", "task.column")
    return first


def scale(numbers: Float64[np.ndarray, "point"]) -> tuple[float, float]:
    """Mean and standard deviation, in float64: at a level of 1e8, float32 would keep no digit of a change of 1.

    Raises:
        ConfigError: the numbers are constant, or differ less than float64 can tell at their level.
    """
    mean, deviation = float(numbers.mean()), float(numbers.std(ddof=1))
    if deviation <= CONSTANT * np.abs(numbers).max():
        problem = f"the training part of the series is constant ({numbers[0]:.10g}); there is nothing to learn from it"
        raise ConfigError("task.column", f"{problem}; choose another column or more rows", ("task.path",))
    return mean, deviation


def scales(
    rows: Float64[np.ndarray, "row column"], names: Sequence[str], noun: str, where: str
) -> tuple[Float64[np.ndarray, "column"], Float64[np.ndarray, "column"]]:
    """Mean and standard deviation of each column, in float64.

    Args:
        rows: the numbers.
        names: of the columns.
        noun: what a column is called: `column` where the setting that chooses them is `task.columns`.
        where: which rows these are, for errors.

    Raises:
        ConfigError: a column is constant.
    """
    mean, deviation = rows.mean(0), rows.std(0)
    constant = np.flatnonzero(deviation <= CONSTANT * np.abs(rows).max(0))
    if len(constant):
        first = int(constant[0])
        problem = f"the {noun} `{names[first]}` is constant ({rows[0, first]:.10g}) in {where}"
        raise ConfigError(f"task.{noun}s", f"{problem}; leave it out by `task.{noun}s`", ("task.path",))
    return mean, deviation
