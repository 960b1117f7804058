"""Tables from CSV files and their like: each row is whole, each column is named once, and every guess is reported."""

import dataclasses
import io
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float64

from rnnsweep.data.gaps import ABSENT, Missing, fill, tell_filled, unmarked
from rnnsweep.data.swallowed import Columns
from rnnsweep.data.table_rows import Row, scan, width
from rnnsweep.data.user_files import File, line_ends
from rnnsweep.errors import ConfigError, listed

if TYPE_CHECKING:
    import pandas

Decimal = Literal[".", ","]

SEPARATORS = (",", ";", "\t")
DIGITS = r"[+-]?(\d+{0}?\d*|{0}\d+)([eE][+-]?\d+)?"
NUMBERS: dict[Decimal, re.Pattern[str]] = {
    ".": re.compile(DIGITS.format(r"\."), re.ASCII),
    ",": re.compile(DIGITS.format(","), re.ASCII),
}
"""What is a number, by its decimal mark."""
GROUPS = r"[+-]?\d{{1,3}}({1}\d{{3}})+({0}\d*)?"
THOUSANDS: dict[Decimal, re.Pattern[str]] = {
    ".": re.compile(GROUPS.format(r"\.", ","), re.ASCII),
    ",": re.compile(GROUPS.format(",", r"\."), re.ASCII),
}
"""Numbers with marks between thousands, by their decimal mark."""
SLASHES = re.compile(r"\d{1,4}/\d{1,2}/\d{1,4}\b.*", re.ASCII)


@dataclasses.dataclass(frozen=True, eq=False)
class DataTable:
    """The rows of a file.

    Args:
        file: where they were read from.
        names: the columns in their order.
        cells: the fields as text, a column for each name; the index is the line where a row begins.
        decimal: the mark between the whole and the fraction of a number.
    """

    file: File
    names: list[str]
    cells: "pandas.DataFrame"
    decimal: Decimal

    def column(self, name: str, key: str = "task.column") -> "pandas.Series":
        """The fields of a column, without the blanks around them.

        Raises:
            ConfigError: there is no such column; `key` is the setting that names it.
        """
        if plain(name) not in self.names:
            problem = f"`{self.file.path}` has no column `{name}`; its first line names {listed(self.names)}"
            raise ConfigError(key, problem, ("task.column", self.file.key))
        return self.cells[self.names.index(plain(name))].str.strip()

    def numbers(
        self, name: str, missing: Missing = "refuse", marks: Sequence[float] | None = None
    ) -> Float64[np.ndarray, "row"]:
        """The numbers of a column.

        Args:
            name: the column.
            marks: numbers that stand for a missing one; None: none does, and no message is about one that may.
            missing: what to do where a number is missing. drop: leave the row out; interpolate: a straight line from
                the number before to the one after; forward: repeat the number before.

        Raises:
            ConfigError: a field is no number, is not finite, or is missing and nothing says what to do.
        """
        numbers = self._read(name)
        if marks is not None:
            numbers[:] = unmarked(self.file.path, [name], numbers.to_numpy()[:, None], marks)[:, 0]
        return self._filled(numbers, name, missing)

    def gaps(self, name: str, key: str = "task.column") -> Float64[np.ndarray, "row"]:
        """The numbers of a column; NaN where one is missing. `key` is the setting that names the column.

        Raises:
            ConfigError: a field is no number, or not finite.
        """
        return np.asarray(self._read(name, key), np.float64)

    def _read(self, name: str, key: str = "task.column") -> "pandas.Series":
        fields = self.column(name, key)
        absent = fields.str.lower().isin(ABSENT)
        written = fields.map(lambda field: NUMBERS[self.decimal].fullmatch(field) is not None).astype(bool)
        wrong = fields[~absent & ~written]
        if len(wrong):
            found = wrong.iloc[0]
            problem = f"{self.file.line(int(wrong.index[0]))}: expected a number, got {found!r}"
            raise self.file.wrong(f"{problem}; {self._hint(found)}")
        numbers = fields.mask(absent, "nan").str.replace(self.decimal, ".").map(float).astype("float64")
        endless = fields[np.isinf(numbers)]
        if len(endless):
            raise self.file.wrong(f"{self.file.line(int(endless.index[0]))}: {endless.iloc[0]} is not finite")
        return numbers

    def _hint(self, field: str) -> str:
        """What to do about a field that is no number."""
        hints = []
        if THOUSANDS[self.decimal].fullmatch(field):
            hints.append(f"take out {'commas' if self.decimal == '.' else 'points'} between thousands")
        if self.decimal == "." and NUMBERS[","].fullmatch(field):
            hints.append("for decimal commas add 'task.decimal=\",\"'")
        if SLASHES.fullmatch(field):
            hints.append("a date is written 2024-03-31, as 03/04/2024 may be in March or in April")
        return "; ".join(hints) or f"the columns are {listed(self.names)}"

    def _filled(self, numbers: "pandas.Series", name: str, missing: Missing) -> Float64[np.ndarray, "row"]:
        filled = fill(numbers, missing)
        absent = filled.index[filled.isna()]
        if len(absent):
            problem = f"{self.file.line(int(absent[0]))} has no number in the column `{name}`"
            count = f" ({len(absent):,} of {len(numbers):,} rows {'has' if len(absent) == 1 else 'have'} none)"
            hint = "say what to do: `task.missing=drop`, `task.missing=interpolate` or `task.missing=forward`"
            if missing != "refuse":
                count, hint = ", and no neighbour to fill it from", "`task.missing=drop` leaves it out"
            raise self.file.wrong(f"{problem}{count}; {hint}", "task.missing")
        tell_filled(self.file.path, int(numbers.isna().sum()), len(numbers), missing)
        return np.asarray(filled, np.float64)


def parse(file: File, encoding: str = "utf-8", decimal: Decimal = ".") -> DataTable:
    """The table in a file: a row of names, then rows with as many fields, separated by commas, semicolons or tabs.

    Blank lines are left out. A field in quotes may hold separators, line ends, and quotes that are written twice.

    Raises:
        ConfigError: names the line where a row begins that has other fields than the first, or a stray quote.
    """
    import pandas

    found, separator = _rows(file, line_ends(file.text(encoding)), decimal)
    if not found:
        return DataTable(file, [], pandas.DataFrame(), decimal)
    content = io.StringIO("\n".join(row.text for row in found))
    cells = pandas.read_csv(
        content, sep=separator, header=None, dtype=str, na_filter=False, skip_blank_lines=False, lineterminator="\n"
    )
    cells.index = [row.line for row in found]
    names = [plain(name) for name in cells.iloc[0]]
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise file.wrong(f"{file.line(found[0].line)} names the column `{twice[0]}` twice; give each a name of its own")
    table = DataTable(file, names, cells.iloc[1:], decimal)
    _check_quotes(table, found[1:], separator)
    return table


def plain(name: str) -> str:
    """A name as it is compared: composed letters (é is one character), and one space where there are blanks."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def _rows(file: File, text: str, decimal: Decimal) -> tuple[list[Row], str]:
    """The rows of a text and what separates their fields: the mark that separates the names of the first row."""
    splitting = [mark for mark in SEPARATORS if width(text, mark) > 1]
    scans = {mark: scan(text, mark) for mark in splitting or [";" if decimal == "," else ","]}
    whole = [mark for mark, (_, wrong) in scans.items() if wrong is None and not (mark == decimal and len(scans) > 1)]
    if len(whole) > 1:
        marks = " or ".join(map(repr, whole))
        problem = f"the fields of `{file.path}` may be separated by {marks}"
        raise file.wrong(f"{problem}; put names that hold one of them into quotes")
    separator = next(iter(whole or scans))
    found, wrong = scans[separator]
    if wrong is not None:
        raise file.wrong(f"{file.line(wrong.line)} {wrong.problem}")
    return found, separator


def _check_quotes(table: DataTable, found: list[Row], separator: str) -> None:
    """Refuses a row that has swallowed others."""
    several = [row for row in found if "\n" in row.text]
    columns = Columns([table.cells[index].tolist() for index in table.cells]) if several else None
    for row in several:
        if columns is not None and columns.swallowed(row, separator):
            end = row.line + row.text.count("\n")
            problem = f"{table.file.line(row.line)} opens a quote that is closed on line {end}"
            hint = "remove it, or close it where its field ends"
            raise table.file.wrong(f"{problem}, and the lines between look like rows; {hint}")
