"""A table as LaTeX, with booktabs, numbers aligned by siunitx, and notes below; no wider than a column of text."""

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

TEMPLATE = r"""\begin{table}
\centering\small
\begin{threeparttable}
\caption{%(caption)s}
\label{tab:%(name)s}
\begin{tabular}{@{}c@{}}
\begin{adjustbox}{max width=\linewidth, max totalheight=0.7\textheight}
\sisetup{%(numbers)s, retain-explicit-plus}
\begin{tabular}{%(columns)s}
\toprule
%(head)s \\
\midrule
%(body)s\bottomrule
\end{tabular}
\end{adjustbox}
\end{tabular}
%(notes)s\end{threeparttable}
\end{table}
"""


def table(table: Table) -> str:
    """The LaTeX source of a table, with a caption that names the metric of its estimates."""
    table = table.without(*table.elsewhere)
    rows = [row.cells for row in table.page_rows[:LONGEST]]
    columns = [_Column.of(name, cells) for name, cells in zip(table.columns, zip(*rows, strict=True), strict=False)]
    columns = columns or [_Column(name) for name in table.columns]
    lines = [" & ".join(c.cell(cell) for c, cell in zip(columns, row, strict=True)) for row in rows]
    text = TEMPLATE % {
        "caption": escape(table.caption),
        "name": table.name,
        "numbers": NUMBERS,
        "columns": "".join(column.format for column in columns),
        "head": " & ".join(column.head for column in columns),
        "body": "".join(f"{line} \\\\\n" for line in lines),
        "notes": _notes(table),
    }
    return PACKAGES + SCRIPT * (r"\inscript{" in text) + text


def _notes(table: Table) -> str:
    """The notes below the table. Notes with a command are left out: a command has no place in a paper."""
    notes = "".join(f"\\item[] {escape(note)}\n" for note in table.notes if "`" not in note)
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
