"""Tables as CSV, LaTeX (booktabs) and Markdown; whatever a run is called, it stays text."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rnnsweep.report.tables import Table

LONGEST = 100
"""Rows of a LaTeX table; nobody prints more."""

SYMBOLS = {"±": r"$\pm$", "−": "$-$", "Δ": r"$\Delta$", "×": r"$\times$", "≥": r"$\geq$", "—": "---", "–": "--"}
SYMBOLS |= {"·": r"$\cdot$", "…": r"\dots{}", "“": "``", "”": "''", "<": r"$<$", ">": r"$>$"}


def write(table: Table, folder: Path) -> None:
    """The CSV with all rows and the LaTeX table with those of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    table.frame().map(_inert).to_csv(folder / f"{table.name}.csv", index=False)
    (folder / f"{table.name}.tex").write_text(latex(table), encoding="utf-8")


def _inert(value: object) -> object:
    """Text that a spreadsheet would take for a formula is marked as text."""
    return (
        f"'{value}"
        if isinstance(value, str) and value[:1] in ("=", "+", "@", "\t") and not _is_number(value)
        else value
    )


def _is_number(text: str) -> bool:
    return bool(re.match(r"[+−-]?[\d.,]+", text))


SPECIAL = str.maketrans({c: f"\\{c}" for c in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"})
SPECIAL |= {ord("\\"): r"\textbackslash{}"}
"""Of headings and captions; the cells are escaped by pandas."""


# LaTeX -----------------------------------------------------------------------------------------------------------


def symbols(escaped: str) -> str:
    """The signs that a LaTeX font may lack, in an escaped text."""
    shown = "".join(SYMBOLS.get(sign, sign) for sign in escaped)
    return f"{{{shown[0]}}}{shown[1:]}" if shown[:1] in ("[", "*") else shown  # after \\\\ these would be its arguments


def _oneline(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def latex(table: Table) -> str:
    """A booktabs table."""
    names = [_oneline(name) or " " for name in table.columns]
    body = [[_oneline(cell.text) for cell in row.cells] for row in table.page_rows[:LONGEST]]
    frame = pd.DataFrame(body, columns=range(len(names)), dtype=object)
    bold = pd.DataFrame(
        [["font-weight: bold" if cell.bold else "" for cell in row.cells] for row in table.page_rows[:LONGEST]],
        columns=frame.columns,
        dtype=object,
    )
    styler = frame.style.apply(lambda _: bold, axis=None).format(symbols, escape="latex").hide(axis="index")
    heads = [symbols(name.translate(SPECIAL)) for name in names]
    styler = styler.relabel_index([head.replace("{", "{{").replace("}", "}}") for head in heads], axis=1)
    text = styler.to_latex(hrules=True, convert_css=True, column_format="l" * len(names))
    caption = symbols(_oneline(table.title).translate(SPECIAL))
    return (
        "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n"
        f"\\caption{{{caption}}}\n\\label{{tab:{table.name}}}\n{text}\\end{{table}}\n"
    )


# Markdown --------------------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    text = _oneline(text)
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
    return "\n".join(f"    {line}" for line in text.splitlines() or [""])
