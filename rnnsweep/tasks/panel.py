"""Tasks over several series of the same times: which windows of rows a model reads, and which columns follow."""

import dataclasses
import functools
import hashlib
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from rnnsweep.data import panel
from rnnsweep.data.gaps import Missing
from rnnsweep.data.series import scales
from rnnsweep.data.tables import Decimal
from rnnsweep.data.times import odd_season
from rnnsweep.errors import ConfigError, listed, tell_once
from rnnsweep.tasks.examples import ExampleTask
from rnnsweep.types import EXECUTION, FROM_FILES, LATER, MADE_UP, Batch, Count, Name, NonNegative, Rate, Split

SHARES = ("task.splits", "task.val_fraction", "task.test_fraction", "task.path")  # settings of the parts' sizes


@dataclasses.dataclass(kw_only=True, eq=False)
class PanelTask(ExampleTask):
    """An example is a window of `seq_len` rows and the `horizon` rows that follow it.

    Each column is scaled to mean 0 and variance 1 of its training part, in float64. Validation and test have a window
    for every row of their part from which a whole horizon follows. A window may reach back into the part before, its
    targets never.
    """

    path: Annotated[str | None, EXECUTION] = None
    """A CSV file with a line of names, or an `.npz` of `x` (row, column); None: made up. A run is known by the
    content."""
    columns: list[Name] | None = None
    """The columns that the model reads; None: all but that of the dates."""
    targets: list[Name] | None = None
    """The columns to forecast, of those that are read; None: all of these."""
    column: Annotated[Name | None, LATER] = None
    """The only column to read and to forecast: `columns` with one name."""
    target: Annotated[Name | None, LATER] = None
    """The only column to forecast: `targets` with one name."""
    date: Annotated[Name | None, FROM_FILES] = None
    """The column of dates; None: the first that holds dates, if any does."""
    encoding: Annotated[str, FROM_FILES] = "utf-8"
    """The encoding of the file."""
    decimal: Annotated[Decimal, FROM_FILES] = "."
    """The decimal mark of the file's numbers."""
    missing: Annotated[Missing, FROM_FILES] = "refuse"
    """What to do where a column has no number. refuse: stop; drop: leave the row out; interpolate: draw a straight line
    between the numbers before and after; forward: repeat the number before."""
    missing_values: Annotated[list[float] | None, LATER, FROM_FILES] = None
    """Numbers that stand for a missing one, such as -999; None: none does."""
    points: Annotated[Count, MADE_UP] = 3000
    """Rows of the made-up series."""
    noise: Annotated[NonNegative, MADE_UP] = 0.1
    """How far the made-up temperature deviates from its rhythm."""
    seq_len: Count = 48
    """Rows in a window."""
    horizon: Count = 24
    """Rows to forecast from each origin."""
    season: Count | None = 24
    """Rows in a season, of the seasonal last value; None: without it. A made-up series has this season, or 24."""
    splits: list[int] | None = None
    """Rows of training, validation and test, from the first row on; None: by the fractions."""
    val_fraction: Rate = 0.1
    """Share of the rows for validation."""
    test_fraction: Rate = 0.2
    """Share of the rows for the test: the last ones."""

    @functools.cached_property
    def panel(self) -> panel.Panel:
        if self.path is None:
            made = panel.transformer(self.points, self.season or 24, self.noise, self.seed)
            wanted = made.names if self.columns_read is None else self.columns_read
            places = [_place(name, made.names, "column") for name in wanted]
            return dataclasses.replace(made, names=[made.names[i] for i in places], values=made.values[:, places])
        marks = tuple(self.missing_values or ())
        return panel.load(self.path, self.columns_read, self.date, self.encoding, self.decimal, self.missing, marks)

    @property
    def source_hash(self) -> str:
        return "" if self.path is None else self.panel.sha256

    @property
    def data_hash(self) -> str:
        return hashlib.sha256(self.panel.values.tobytes()).hexdigest()

    @property
    def columns_read(self) -> tuple[str, ...] | None:
        """The names of the columns that the model reads; None: all."""
        return _names(self.column, self.columns, "column")

    @functools.cached_property
    def chosen(self) -> list[int]:
        """The places of the columns to forecast among those that are read."""
        return self.target_places()

    def target_places(self) -> list[int]:
        """The columns that `chosen` keeps.

        Raises:
            ConfigError: a target is not among the columns that are read, or there is none.
        """
        names, wanted = self.panel.names, _names(self.target, self.targets, "target")
        places = [_place(name, names, "target") for name in (names if wanted is None else wanted)]
        if not places:
            raise ConfigError("task.targets", "give one column at least, or null for all", ("task.columns",))
        return places

    @functools.cached_property
    def ends(self) -> dict[Split, int]:
        """The row where each part ends.

        Raises:
            ConfigError: a part is too short for a window and a horizon, or for a season.
        """
        train, val, test = self._sizes()
        least, others = self.seq_len + self.horizon, ("task.seq_len", *SHARES)
        if train < least:
            problem = f"the training part has {train:,} rows; a window of {self.seq_len}"
            raise ConfigError("task.horizon", f"{problem} and a horizon of {self.horizon} need {least}", others)
        for part, size in (("validation", val), ("test", test or self.horizon)):  # a run can go without a test
            if size < self.horizon:
                problem = f"the {part} part has {size:,} rows, fewer than the horizon of {self.horizon}"
                raise ConfigError("task.horizon", problem, others)
        if self.season is not None and self.season > train:
            problem = f"a season of {self.season} rows is longer than the training part of {train:,}"
            raise ConfigError("task.season", f"{problem}; use a shorter one, or null", ("task.path",))
        if self.path is not None and self.season is not None and (span := odd_season(self.panel.times, self.season)):
            tell_once(f"a season of {self.season} rows lasts {span} in `{self.path}`; `task.season` sets another one")
        return {"train": train, "val": train + val, "test": train + val + test}

    def _sizes(self) -> list[int]:
        """The rows of training, validation and test."""
        rows = len(self.panel.values)
        val, test = round(rows * self.val_fraction), round(rows * self.test_fraction)
        sizes = [rows - val - test, val, test] if self.splits is None else self.splits
        if len(sizes) != 3 or min(sizes) < 0 or sum(sizes) > rows:
            problem = f"expected the rows of training, validation and test, of {rows:,} together"
            raise ConfigError("task.splits", f"{problem}, got {sizes}", ("task.path",))
        return sizes

    @functools.cached_property
    def scale(self) -> tuple[Float64[np.ndarray, "column"], Float64[np.ndarray, "column"]]:
        """Mean and standard deviation of each column's training part."""
        train = self.panel.values[: self.ends["train"]]
        return scales(train, self.panel.names, "column", "the training part")

    @functools.cached_property
    def values(self) -> Float[Tensor, "row column"]:
        """The series as the model reads them."""
        mean, deviation = self.scale
        return torch.from_numpy((self.panel.values - mean) / deviation).float()

    def origins(self, split: Split) -> Int[Tensor, "window"]:
        """The first row to forecast of each window of a part."""
        before: dict[Split, int] = {"train": 0, "val": self.ends["train"], "test": self.ends["val"]}
        return torch.arange(max(before[split], self.seq_len), self.ends[split] - self.horizon + 1)

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        return {split: self._windows(self.origins(split)) for split in ("train", "val", "test")}

    def _windows(self, origins: Int[Tensor, "window"]) -> Batch:
        """Views into the series: the windows overlap."""
        windows = self.values.unfold(0, self.seq_len + self.horizon, 1).transpose(1, 2)  # (window, time, column)
        first = int(origins[0]) - self.seq_len if len(origins) else 0
        own = windows[first : first + len(origins)]
        return {
            "inputs": own[:, : self.seq_len],
            "lengths": torch.full((len(own),), self.seq_len),
            "targets": own[:, self.seq_len :, self.chosen],
        }


def _names(one: str | None, several: list[str] | None, key: str) -> tuple[str, ...] | None:
    """The names that `task.<key>` or the list `task.<key>s` gives; None: neither is set."""
    if one is None:
        return None if several is None else tuple(several)
    if several is not None:
        raise ConfigError(f"task.{key}", f"task.{key}s is set, too; give one of the two")
    return (one,)


def _place(name: str, names: list[str], key: str) -> int:
    if name not in names:
        raise ConfigError(f"task.{key}s", f"there is no column `{name}` among {listed(names)}", (f"task.{key}",))
    return names.index(name)
