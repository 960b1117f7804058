"""Tables as data. The page, Markdown, LaTeX and CSV are all written from them."""

import dataclasses
import functools
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rnnsweep.planned import STATES
from rnnsweep.report import stats
from rnnsweep.report.effects import Effect
from rnnsweep.report.metric_column import MetricColumn, in_words
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_labels import short_name


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell: text for people, and `data` for the CSV and for sorting."""

    text: str
    data: Any = None
    """A plain value, or several values by name, each of which becomes a column of the CSV."""
    link: str = ""
    bold: bool = False
    links: tuple[tuple[str, str], ...] = ()
    """(text, address) of several links; the page shows these instead of the text."""

    @property
    def sort(self) -> Any:
        """The value that the page sorts by."""
        first = next(iter(self.data.values()), None) if isinstance(self.data, dict) else self.data
        return self.text if first is None or first != first else first


@dataclasses.dataclass(frozen=True)
class TableRow:
    """One row of a table. `anchor` is its address inside the page; `only_csv` hides it everywhere but in the CSV."""

    cells: tuple[Cell, ...]
    anchor: str = ""
    only_csv: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows under headings. The `notes` say what is counted and what is left out."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...] = ()
    shown: int = 200
    """How many rows the page and Markdown have; the CSV has all."""
    measured: str = ""
    """The metric of its estimates, and the kind of their intervals: `test/loss in nats, 95% Student t interval`."""
    headings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What a reader sees above a column instead of its name in the CSV, beside the words for metrics."""
    elsewhere: tuple[str, ...] = ()
    """Columns that LaTeX leaves out, because a paper's column is narrow; the CSV has them."""

    @property
    def heads(self) -> tuple[str, ...]:
        """The columns as a reader sees them; the CSV has their names."""
        return tuple(self.headings.get(name) or in_words(name) for name in self.columns)

    @property
    def caption(self) -> str:
        """The title with the metric and the number of values, for a reader who sees the table by itself."""
        sizes = {int(n) for row in self.page_rows for cell in row.cells if (n := _size(cell)) == n and n > 1}
        ends = sorted({min(sizes), max(sizes)}) if sizes else []
        counted = f"; n = {' to '.join(map(str, ends))}" if ends else ""
        return f"{self.title} ({self.measured}{counted})" if self.measured else self.title

    @property
    def page_rows(self) -> tuple[TableRow, ...]:
        return tuple(row for row in self.rows if not row.only_csv)[: self.shown]

    @property
    def more(self) -> int:
        return len(self.rows) - len(self.page_rows)

    def without(self, *names: str) -> "Table":
        """The table without some columns."""
        kept = [index for index, name in enumerate(self.columns) if name not in names]
        rows = [dataclasses.replace(row, cells=tuple(row.cells[i] for i in kept)) for row in self.rows]
        return dataclasses.replace(self, columns=tuple(self.columns[i] for i in kept), rows=tuple(rows))

    def frame(self) -> pd.DataFrame:
        """All rows as plain values."""
        return pd.DataFrame([_plain(self.columns, row) for row in self.rows])


def _size(cell: Cell) -> float:
    """The number of values that an estimate is the mean of; NaN if the cell is no estimate."""
    return float(cell.data.get("n", math.nan)) if isinstance(cell.data, dict) else math.nan


def _plain(columns: Sequence[str], row: TableRow) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, cell in zip(columns, row.cells, strict=True):
        if isinstance(cell.data, dict):
            values |= {f"{name} {part}": value for part, value in cell.data.items()}
        else:
            values[name] = cell.text if cell.data is None else cell.data
    return values


def rows_of(*lines: Sequence[str | Cell]) -> tuple[TableRow, ...]:
    """Rows from lists of cells; a plain text becomes a cell."""
    return tuple(
        TableRow(tuple(cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in line)) for line in lines
    )


def measured(metric: MetricColumn, interval: str = "95% Student t interval") -> str:
    """The metric of a table's estimates and the kind of their intervals, for its caption."""
    unit = f" in {metric.unit}" if metric.unit and metric.unit != "share" else ""
    return f"{metric.words}{unit}, {'lower' if metric.lower else 'higher'} is better; mean and {interval}"


def estimate(interval: stats.Interval) -> dict[str, float]:
    """The data of a cell with a mean and its interval."""
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "n": interval.n}


def level_cell(key: str, level: str, bold: bool = False) -> Cell:
    """The cell of a level: its name for people, the level itself for the CSV."""
    return Cell(short_name(key, level), level, bold=bold)


def oneline(text: str) -> str:
    """The text on one line: a single space stands for each run of spaces and characters that do not print."""
    printed = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printed.split())


@functools.cache
def anchor(*parts: Any) -> str:
    """A name of ASCII letters and digits, for a file or for an address inside the page.

    Other characters become `_`. A part with such characters also gets a digest, so that different parts stay
    different; keys (`cell.hidden_size`) and sections (`capacity: charlm`) need none.
    """
    return "-".join(_addressed(str(part)) for part in parts)


def _addressed(part: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]", "_", part)
    return plain if re.fullmatch(r"[A-Za-z0-9]+(?:(?:[._]|: )[A-Za-z0-9]+)*", part) else f"{plain}_{_digest(part)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]


def setting_link(runs: Runs, setting: int) -> str:
    """The link to a setting's row in the table of settings and their runs."""
    return f"#{anchor('setting', runs.task, setting)}"


def pairs_anchor(runs: Runs, effect: Effect) -> str:
    """The address of an effect's first row in the table of pairs."""
    levels = _digest(f"{effect.level}\0{effect.baseline}")  # 0.5 and 0_5 differ, too
    return anchor("pairs", runs.task, effect.factor, effect.level, effect.baseline, levels)


# Accounting ------------------------------------------------------------------------------------------------------


def accounting(tasks: Sequence[Runs]) -> Table:
    """The number of planned runs by task and state, with a row of sums at the end."""
    rows = []
    for runs in tasks:
        counts = runs.counts()
        cells = [Cell(str(counts[state] or "·"), counts[state]) for state in STATES]
        rows.append(
            TableRow((Cell(runs.task, link=f"#{anchor('task', runs.task)}"), *cells, Cell(str(len(runs.frame)))))
        )
    if len(tasks) > 1:
        totals = [sum(runs.counts()[state] for runs in tasks) for state in STATES]
        cells = [Cell(str(total or "·"), total) for total in totals]
        rows.append(TableRow((Cell("all"), *cells, Cell(str(sum(totals)), bold=True))))
    return Table("accounting", "Every planned run", ("task", *STATES, "planned"), tuple(rows))
