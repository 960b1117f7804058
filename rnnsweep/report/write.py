"""Tables as CSV, LaTeX and Markdown; whatever a run is called, it stays text."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rnnsweep.report import latex_table
from rnnsweep.report.table import Table, oneline


def write(table: Table, folder: Path) -> None:
    """The CSV with all rows and the LaTeX table with those of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    csv(table.frame(), folder / f"{table.name}.csv")
    (folder / f"{table.name}.tex").write_text(latex_table.table(table), encoding="utf-8", errors="replace")


# CSV -------------------------------------------------------------------------------------------------------------

RUNS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins with one of these."""


def csv(frame: pd.DataFrame, file: Path) -> None:
    """The frame as a CSV in which no text or heading is run by a spreadsheet."""
    made = frame.apply(lambda column: column if column.dtype.kind in "biuf" else column.map(_inert))
    made.columns = [_inert(name) for name in frame]
    made.to_csv(file, index=False, errors="replace")


def _inert(value: object) -> object:
    """Text that a spreadsheet would run begins with an apostrophe; what is a number as a whole stays as it is."""
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


# Markdown --------------------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    text = oneline(text)
    text = re.sub(r"([\\`*_{}\[\]()#|~$!])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(table: Table) -> str:
    """A pipe table under its title, with its notes."""
    lines = [f"**{escape(table.title)}**", "", _line(table.columns), "|" + "---|" * len(table.columns)]
    for row in table.page_rows:
        texts = [escape(cell.text) for cell in row.cells]
        lines.append(
            "| " + " | ".join(f"**{t}**" if c.bold else t for t, c in zip(texts, row.cells, strict=True)) + " |"
        )
    if table.more:
        lines += ["", f"{table.more} more rows are in `tables/{table.name}.csv`."]
    return "\n".join([*lines, "", *(f"{escape(note)}\n" for note in table.notes)])


def _line(names: Sequence[str]) -> str:
    return "| " + " | ".join(map(escape, names)) + " |"


def block(text: str) -> str:
    """An indented block: whatever a model writes stays text."""
    return "\n".join(f"    {line}" for line in re.split("\r\n?|\n", text.rstrip("\r\n")))
