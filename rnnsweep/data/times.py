"""Columns of times: dates in the usual forms, or numbers."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rnnsweep.data.tables import NUMBERS, DataTable
from rnnsweep.data.user_files import File
from rnnsweep.errors import tell_once

CLOCKS = (" %H:%M:%S", " %H:%M", "")
OFFSET = r":\d\d(?:\.\d+)?\s?(?:Z|[+-]\d\d(?::?\d\d)?)$"
"""The end of a time with an offset from UTC."""
ENOUGH = 500
"""Rows whose dates tell how far apart rows are."""
FORMS = ("ISO8601", *(f"{day}{clock}" for day in ("%d.%m.%Y", "%Y/%m/%d") for clock in CLOCKS))
"""Forms of dates that mean one day only. 03/04/2024 is left out: it can be a day in March or in April."""


def dates(fields: Any) -> Any:
    """A column of dates as pandas' datetimes; None where it holds something else.

    Args:
        fields: a pandas.Series of text.
    """
    import pandas

    if not len(fields) or fields.str.fullmatch(r"[+-]?\d+([.,]\d*)?").any():
        return None
    for form in FORMS:
        found = pandas.to_datetime(fields, format=form, errors="coerce", utc=True)
        if found.notna().all():
            return found.dt.tz_localize(None)
    return None


def times(table: DataTable, name: str) -> np.ndarray:
    """The times of a table's rows, which can be ordered: numbers, or seconds of dates.

    Raises:
        ConfigError: a field is neither.
    """
    fields = table.column(name, table.file.key)
    found = dates(fields)
    if found is not None:
        _check_offsets(table, name, fields)
        return found.to_numpy("datetime64[ns]").astype(np.int64)  # type: ignore[no-any-return]
    wrong = fields[fields.map(lambda field: NUMBERS[table.decimal].fullmatch(field) is None).astype(bool)]
    if len(wrong):
        problem = f"{table.file.line(int(wrong.index[0]))}: expected a number or a date such as 2024-03-31 12:00"
        raise table.file.wrong(f"{problem} in the column `{name}`, got {wrong.iloc[0]!r}")
    return table.numbers(name)


def first_dates(table: DataTable, names: Iterable[str]) -> tuple[str, np.ndarray] | None:
    """The first of some columns that holds dates, and its dates; None where none does.

    Raises:
        ConfigError: some of its dates have an offset from UTC, some have none.
    """
    for name in names:
        fields = table.column(name)
        found = dates(fields)
        if found is not None:
            _check_offsets(table, name, fields)
            return name, found.to_numpy("datetime64[us]")
    return None


def _check_offsets(table: DataTable, name: str, fields: Any) -> None:
    """Refuses dates of which some have an offset from UTC: nobody knows what hour the others mean."""
    have = fields.str.contains(OFFSET)
    if have.any() and not have.all():
        first = fields[~have].index[0]
        problem = f"{table.file.line(int(first))}: {fields[first]!r} has no offset from UTC"
        other = f"other dates of `{name}` have one, as {fields[have].iloc[0]!r}"
        raise table.file.wrong(f"{problem}, but {other}; write all dates with an offset, or all without")


def check_steps(file: File, name: str, moments: np.ndarray, place: Callable[[int], str], strict: bool = True) -> None:
    """Refuses times that go back, and says where the steps between them are not even.

    Args:
        file: where they are read from.
        name: what they are called there.
        moments: dates of microseconds, or numbers.
        place: how a message calls a row.
        strict: whether the same time twice is refused, too.

    Raises:
        ConfigError: names the first row that is not after the one before.
    """
    steps = np.diff(moments.astype("int64" if moments.dtype.kind == "M" else moments.dtype))
    back = np.flatnonzero(steps <= 0 if strict else steps < 0)
    if len(back):
        row, same = int(back[0]) + 1, steps[back[0]] == 0
        problem = f"{place(row)}: its `{name}` is {'the same as' if same else 'not after'} that of the row before"
        hint = "keep one row for each time" if same else "sort the rows by it, the oldest first"
        raise file.wrong(f"{problem}; {hint}")
    months = np.diff(moments.astype("datetime64[M]").astype("int64")) if moments.dtype.kind == "M" else steps
    steps = months if (months > 0).all() else steps  # months, quarters and years differ in length
    uneven = np.flatnonzero(steps != steps[:1])
    if len(uneven):
        tell_once(f"{place(int(uneven[0]) + 1)}: the steps of `{name}` are not even; each row counts as one step")


def odd_season(dates: Sequence[str] | None, season: int) -> str:
    """How long a season of so many rows lasts, if it is no hour, day, week or month, and no whole years; else empty.

    Args:
        dates: of the rows, as text; None where there are none.
        season: rows in a season.
    """
    import pandas

    moments = pandas.to_datetime(pandas.Series(list(dates or ())[:ENOUGH]), errors="coerce", format="ISO8601")
    steps = moments.diff().dt.total_seconds().dropna()
    if not len(steps) or moments.isna().any():
        return ""
    days = season * float(steps.mean() if steps.median() > 27 * 86400 else steps.median()) / 86400  # months differ
    years = max(1, round(days / 365.25))
    usual = any(math.isclose(days, each, rel_tol=1e-6) for each in (1 / 24, 1, 5, 7)) or 27 < days < 32
    return "" if usual or abs(days / years - 365.25) < 6 else f"{days:.4g} days"


def is_even(numbers: np.ndarray) -> bool:
    """Whether numbers rise or fall by the same in every row, as a count of the rows, a year or a time stamp does."""
    known = numbers[~np.isnan(numbers)]
    steps = np.diff(known)
    rounding = 1e-6 * abs(steps[0]) + 1e-15 * np.abs(known).max() if len(steps) > 1 else 0.0
    return len(steps) > 1 and bool(steps[0]) and bool((np.abs(steps - steps[0]) <= rounding).all())


def index_words(path: object, name: str, what: str = "a column") -> str:
    """What a message says of a column that is an index: it has no name, or is even.

    Args:
        path: of its file.
        name: of the column; empty if it has none.
        what: what the column is, as in `the first column`.
    """
    if not name:
        return f"{what} of `{path}` has no name, as an index is written"
    return f"`{name}`, {what} of `{path}`, changes by the same in every row, as a time or a count of the rows does"
