"""Columns of times: dates in the usual forms, or numbers."""

from typing import Any

import numpy as np

from rnnsweep.data.tables import NUMBERS, DataTable

CLOCKS = (" %H:%M:%S", " %H:%M", "")
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
        return found.to_numpy("datetime64[ns]").astype(np.int64)  # type: ignore[no-any-return]
    wrong = fields[fields.map(lambda field: NUMBERS[table.decimal].fullmatch(field) is None).astype(bool)]
    if len(wrong):
        problem = f"{table.file.line(int(wrong.index[0]))}: expected a number or a date such as 2024-03-31 12:00"
        raise table.file.wrong(f"{problem} in the column `{name}`, got {wrong.iloc[0]!r}")
    return table.numbers(name)
