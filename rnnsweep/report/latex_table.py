"""A table as LaTeX, with booktabs, numbers aligned by siunitx, and notes below; as wide as a column, or as the page."""

import dataclasses
import re
from collections.abc import Sequence

from rnnsweep.report.latex import SCRIPT, escape
from rnnsweep.report.numbers import MINUS
from rnnsweep.report.table import Cell, Table

LONGEST = 100
"""The most rows of a LaTeX table; nobody prints more."""

NUMBER = re.compile(rf"([+{MINUS}-]?)((?:\d[\d,]*)?(?:\.\d+)?)(?<=\d)(?: (.*))?")
"""A number, and text that may follow it: `± 0.01`, `[0.1, 0.3], p .02`, `min`."""

MARK = re.compile(r"\D*|<?[\d.]*(?:e[+-]?\d+)?")
"""Other text that a column of numbers may have: `—`, `leader`, `<.001`, `1.2e+06`."""

PACKAGES = "% needs \\usepackage{booktabs,siunitx,threeparttable,adjustbox}\n"

NUMBERS = "detect-weight, mode=text, group-digits=integer, group-minimum-digits=4, group-separator={,}"
"""Options of siunitx: bold numbers are allowed, and 1,234 has a comma as everywhere in the report."""

TEMPLATE = r"""\ifdefined\rnnsweepbox\else\newsavebox{\rnnsweepbox}\fi
\begin{lrbox}{\rnnsweepbox}\small
\sisetup{%(numbers)s, retain-explicit-plus}
\begin{tabular}{%(columns)s}
\toprule
%(head)s \\
\midrule
%(body)s\bottomrule
\end{tabular}
\end{lrbox}
\def\rnnsweeptable{table}\ifdim\wd\rnnsweepbox>1.5\columnwidth\def\rnnsweeptable{table*}\fi
\begin{\rnnsweeptable}
\centering\small
\begin{threeparttable}
\caption{%(caption)s}
\label{tab:%(name)s}
\ifdim\wd\rnnsweepbox>1.5\linewidth\typeout{%(small)s}\else
\ifdim\ht\rnnsweepbox>0.5\textheight\typeout{%(small)s}\fi\fi
\begin{tabular}{@{}c@{}}
\begin{adjustbox}{max width=\linewidth, max totalheight=0.7\textheight}
\usebox{\rnnsweepbox}
\end{adjustbox}
\end{tabular}
%(notes)s\end{threeparttable}
\end{\rnnsweeptable}
"""

"""The table spans both columns of the page if its text would be smaller than 6 pt in one."""

SMALL = "LaTeX Warning: Table %s has text smaller than 6 pt. Leave out columns or rows, or split it."
"""What pdflatex says of a table that is too large even for the whole page."""


def table(table: Table) -> str:
    """The LaTeX source of a table, with a caption that names the metric of its estimates."""
    notes, table = _notes(table), table.without(*table.elsewhere)
    rows = [row.cells for row in table.page_rows[:LONGEST]]
    columns = [_Column.of(name, cells) for name, cells in zip(table.heads, zip(*rows, strict=True), strict=False)]
    columns = columns or [_Column(name) for name in table.heads]
    lines = [" & ".join(c.cell(cell) for c, cell in zip(columns, row, strict=True)) for row in rows]
    text = TEMPLATE % {
        "caption": escape(table.caption),
        "name": table.name,
        "small": SMALL % table.name,
        "numbers": NUMBERS,
        "columns": "".join(column.format for column in columns),
        "head": " & ".join(column.head for column in columns),
        "body": "".join(f"{line} \\\\\n" for line in lines),
        "notes": notes,
    }
    return PACKAGES + SCRIPT * (r"\inscript{" in text) + text


def _notes(table: Table) -> str:
    """The notes below the table, without those that have a command or that explain a column which is not there."""
    absent = tuple(f"{name}: " for name in table.elsewhere)
    shown = [note for note in table.notes if "`" not in note and not note.startswith(absent)]
    notes = "".join(f"\\item[] {escape(note)}\n" for note in shown)
    return f"\\begin{{tablenotes}}[flushleft]\\footnotesize\n{notes}\\end{{tablenotes}}\n" if notes else ""


@dataclasses.dataclass(frozen=True)
class _Column:
    """One column: text, numbers, or numbers followed by text. The last kind becomes two columns of LaTeX."""

    name: str
    numbers: str = ""
    """The width of the numbers for siunitx, such as `-1.4`; empty if the column is text."""
    split: bool = False

    @classmethod
    def of(cls, name: str, cells: Sequence[Cell]) -> "_Column":
        texts = [cell.text for cell in cells]
        found = [match for match in map(NUMBER.fullmatch, texts) if match]
        marks = [text for text in texts if not NUMBER.fullmatch(text)]
        words = sum(any(letter.isalnum() for letter in text) for text in marks)
        if len(found) <= words or not all(MARK.fullmatch(text) for text in marks):  # names such as `gru`, `64`
            return cls(name)
        parts = [(match[2].replace(",", "") + ".").split(".")[:2] for match in found]
        whole, decimals = (max(len(part[place]) for part in parts) for place in (0, 1))
        sign = "-" if any(match[1] for match in found) else ""
        return cls(name, f"{sign}{max(1, whole)}.{decimals}", any(match[3] for match in found))

    @property
    def format(self) -> str:
        numbers = f"S[table-format={self.numbers}]" if self.numbers else "l"
        return numbers + r"@{\,}l" * self.split

    @property
    def head(self) -> str:
        name = escape(self.name)
        return rf"\multicolumn{{2}}{{c}}{{{name}}}" if self.split else f"{{{name}}}" if self.numbers else name

    def cell(self, cell: Cell) -> str:
        bold = r"\bfseries " if cell.bold else ""
        found = NUMBER.fullmatch(cell.text) if self.numbers else None
        if found is None:
            text = bold + escape(re.sub(r"^<\.", "<0.", cell.text))
            return rf"\multicolumn{{2}}{{c}}{{{text}}}" if self.split else f"{{{text}}}" if self.numbers else text
        number = bold + (found[1] + found[2]).replace(",", "").replace(MINUS, "-")
        return f"{number} & {bold}{escape(found[3] or '')}" if self.split else number
