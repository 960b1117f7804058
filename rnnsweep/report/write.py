"""Tables as CSV and LaTeX. Names stay plain text, whatever characters they have."""

from pathlib import Path

import pandas as pd

from rnnsweep.report import latex_table
from rnnsweep.report.table import Table


def write(table: Table, folder: Path) -> None:
    """Writes a table as CSV with all rows, and as LaTeX with the rows of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    csv(table.frame(), folder / f"{table.name}.csv")
    (folder / f"{table.name}.tex").write_text(latex_table.table(table), encoding="utf-8", errors="replace")


RUNS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet reads a cell that starts with one of these as a formula."""


def csv(frame: pd.DataFrame, file: Path) -> None:
    """Writes a frame as CSV, so that a spreadsheet reads no text or heading as a formula."""
    made = frame.apply(lambda column: column if column.dtype.kind in "biuf" else column.map(_inert))
    made.columns = [_inert(name) for name in frame]
    made.to_csv(file, index=False, errors="replace")


def _inert(value: object) -> object:
    """The value, with an apostrophe in front if a spreadsheet would read it as a formula. Numbers stay as they are."""
    if not isinstance(value, str):
        return value
    marked = f"'{value}" if value.startswith(RUNS) and not _is_number(value) else value
    return marked.replace("\r\n", "\n").replace("\r", "\n")  # a carriage return would end the row


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text.startswith(("\t", "\r"))
