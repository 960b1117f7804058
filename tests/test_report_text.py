"""Whatever runs, classes and levels are called: figures, tables, page and LaTeX show it as it is written."""

import itertools
import json
import logging
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
import records
from conftest import ROOT
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rnnsweep import curves, figures, lettering
from rnnsweep.record import RunStore
from rnnsweep.report import cli, draw, latex, latex_table, markdown, page, rendering, write
from rnnsweep.report.table import Cell, Table, rows_of
from rnnsweep.report.typeface import families

CASE = ROOT.parent / "shared" / "cases" / "special-characters"
STYLES = ("siunitx.sty", "threeparttable.sty", "adjustbox.sty")
LATEX = shutil.which("pdflatex") and not subprocess.call(["kpsewhich", *STYLES], stdout=subprocess.DEVNULL)
NAMES = (
    "R&D_50%",
    "<b>C#</b>",
    "a|b",
    "x/y z",
    "$x^2$",
    "\\frac{a}",
    "~tilde^hat",
    "Русский",
    "Ελληνικά",
    "日本",
    "=1+1",
)


# Figures ---------------------------------------------------------------------------------------------------------


def drawn(text: str, settings: Any) -> Any:
    """The pixels of a text."""
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(3, 1))
        canvas = FigureCanvasAgg(figure)
        figure.text(0.1, 0.3, text)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())


@pytest.mark.parametrize("text", ["Русский", "Ελληνικά"])
def test_the_figures_typeface_has_cyrillic_and_greek(text: str) -> None:
    with lettering.lettered([text], families(), draw.STYLE):
        ours, boxes = drawn(text, {}), drawn("日" * len(text), {})
    assert (ours < 255).any()
    assert not np.array_equal(ours, boxes)
    if text == "Русский":  # its letters come from the whole face, as they are
        assert np.array_equal(ours, drawn(text, {**draw.STYLE, "font.family": "DejaVu Sans"}))


def test_a_font_is_found_for_what_the_base_font_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fontTools.ttLib import TTFont
    from matplotlib import font_manager

    assert lettering.lacking(["Русский Ελληνικά مرحبا", "a\tb"]) == set()
    assert lettering.lacking(["日本 a"]) == {"日", "本"}
    font = TTFont(font_manager.findfont("DejaVu Sans"))
    for table in font["cmap"].tables:
        table.cmap[ord("日")] = "A"
    for name in font["name"].names:
        if name.nameID in (1, 4, 16):
            name.string = "Has A Sun"
    font.save(tmp_path / "sun.ttf")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [*font_manager.fontManager.ttflist])
    font_manager.fontManager.addfont(tmp_path / "sun.ttf")
    assert lettering.fallbacks(["日本"]) == ["Has A Sun"]
    assert lettering.lacking(["日本"], ["Has A Sun"]) == {"本"}


def test_a_run_s_own_figures_take_names_as_they_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = RunStore(tmp_path / "task-$x_{1-s0-$")
    store.path.mkdir()
    store.log(1, "val", {"loss": 1.0})
    counts = np.eye(len(NAMES), dtype=int).tolist()
    shown = {"confusion": {"labels": [*NAMES], "counts": counts}}
    shown["attention"] = {"source": "$a^$", "target": "日$", "weights": [[0.25] * 4] * 3}
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        curves.draw(store)
        assert figures.draw(store, shown) == ["attention.png", "confusion.png"]
    assert not caplog.records


def test_a_figure_of_the_report_takes_names_as_they_are(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    with lettering.lettered((), families(), draw.STYLE):
        figure, (axes,) = draw.canvas()
        axes.set_xticks(range(len(NAMES)), NAMES)
        axes.set_title("\x01")
    data = pd.DataFrame({"level": [*NAMES], "=1": range(len(NAMES))})
    shown = rendering.render(rendering.Picture("p", "title", "caption", figure, data), tmp_path)
    assert "$x^2$" in shown.svg
    assert "Ελληνικά" in shown.svg
    assert "\x01" not in (tmp_path / "p.svg").read_text()
    assert (tmp_path / "p.csv").read_text().splitlines()[0] == "level,'=1"
    assert not recwarn.list
    (said,) = page._boxes([rendering.Picture("p", "日", "Ω", figure, data)])
    assert "日 本" in said


# Tables ----------------------------------------------------------------------------------------------------------


def test_what_a_spreadsheet_would_run_is_text_and_numbers_are_numbers(tmp_path: Path) -> None:
    runs = ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-0.5e", "- x", "-1-1"]
    numbers = ["-0.5", "+0.1", "-1e-5", "-inf", "+3"]
    frame = pd.DataFrame({"text": runs + numbers, "-n": np.arange(len(runs + numbers)) - 3.5})
    write.csv(frame, tmp_path / "a.csv")
    found = pd.read_csv(tmp_path / "a.csv", dtype=str)
    assert list(found.columns) == ["text", "'-n"]
    assert [text[0] for text in found["text"][: len(runs)]] == ["'"] * len(runs)
    assert list(found["text"][len(runs) :]) == numbers
    assert found["'-n"][0] == "-3.5"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("R&D_50%", r"R\&D\_50\%"),
        ("<b>C#</b>", r"$<$b$>$C\#$<$/b$>$"),
        ("a|b", r"a\textbar{}b"),
        ("$x^2$ {~\\}", r"\$x\textasciicircum{}2\$ \{\textasciitilde{}\textbackslash{}\}"),
        ("--by ''", r"-{}-by '{}'"),
        ("[0, 1]", "{[}0, 1]"),
        ("Δ≥α$", r"$\Delta\geq\alpha$\$"),
        ("ή$β", r"$\acute{\eta}$\$$\beta$"),
        ("Žižek, São, ß", r"\v{Z}i\v{z}ek, S\~{a}o, \ss{}"),
        ("Я", r"\inscript{T2A}{Я}{U+042F}"),
        ("日 本", r"\inscript{none}{日}{U+65E5} \inscript{none}{本}{U+672C}"),
        ("a\tb\nc", "a b c"),
    ],
)
def test_latex_shows_text_as_it_is(text: str, shown: str) -> None:
    assert latex.escape(text) == shown


@pytest.mark.slow
@pytest.mark.skipif(not LATEX, reason="needs pdflatex with siunitx, threeparttable and adjustbox")
def test_any_name_compiles_with_pdflatex(tmp_path: Path) -> None:
    printable = "".join(chr(code) for code in range(0x20, 0x500) if chr(code).isprintable())
    rows = [*NAMES, *(printable[place : place + 12] for place in range(0, len(printable), 12))]
    for place in range(0, len(rows), 30):
        table = Table("t", f"{rows[place]} $ ≥≥", tuple(rows[:2]), rows_of(*[(row, "1") for row in rows[place:][:30]]))
        (tmp_path / f"t{place}.tex").write_text(latex_table.table(table))
    names = "".join(f"\\input{{t{place}}}\\clearpage" for place in range(0, len(rows), 30))
    compiled(tmp_path, names)


def compiled(folder: Path, body: str, options: str = "") -> str:
    """What pdflatex says of a document."""
    packages = latex_table.PACKAGES.removeprefix("% needs ").strip()
    text = rf"\documentclass[{options}]{{article}}{packages}\begin{{document}}{body}\end{{document}}"
    (folder / "all.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.skipif(not LATEX, reason="needs pdflatex with siunitx, threeparttable and adjustbox")
def test_every_table_of_a_report_fits_a_column(tmp_path: Path) -> None:
    for seed, rate, cell in itertools.product(range(3), (1e-3, 1e-2), ("gru", "α_50%&x#{", "lstm")):
        loss = 1.0 + 20 * rate + len(cell) / 9 + seed / 50 + rate * (seed == 1)
        records.run(tmp_path / "s", loss, seed=seed, cell=cell, optimizer__lr=rate)
    cli.main([str(tmp_path / "s"), "--out", str(tmp_path / "report")])
    tables = sorted((tmp_path / "report" / "tables").glob("*.tex"))
    assert len(tables) > 5
    said = compiled(tmp_path, "".join(rf"\input{{{path}}}\clearpage" for path in tables), "twocolumn")
    assert not re.search(r"Overfull .hbox|Float too large", said)


@pytest.mark.skipif(not LATEX, reason="needs pdflatex with siunitx, threeparttable and adjustbox")
@pytest.mark.parametrize(
    ("columns", "kind", "warned"), [(3, "table", False), (9, "table*", False), (40, "table*", True)]
)
def test_a_wide_table_spans_both_columns_before_its_text_gets_too_small(
    tmp_path: Path, columns: int, kind: str, warned: bool
) -> None:
    names = tuple(f"a column {place}" for place in range(columns))
    (tmp_path / "t.tex").write_text(latex_table.table(Table("wide", "T", names, rows_of(names))))
    said = compiled(tmp_path, r"\input{t}\typeout{It is a \rnnsweeptable.}", "twocolumn")
    assert f"It is a {kind}." in said
    assert ("Warning: Table wide has text smaller than 6 pt" in said.replace("\n", "")) == warned


def test_a_note_about_a_column_that_latex_leaves_out_is_left_out_too() -> None:
    notes = ("far: from here.", "near: at hand.")
    text = latex_table.table(Table("t", "T", ("near", "far"), rows_of(("1", "2")), notes, elsewhere=("far",)))
    assert ("near: at hand." in text, "from here" in text) == (True, False)


def test_numbers_of_a_column_are_aligned_and_what_is_none_stands_beside() -> None:
    texts = [("1.782 ± 0.010", "12", "gru"), ("−0.9 ± 0.2", "1,234", "64"), ("leader", "<.001", "1e-3")]
    rows = rows_of(*[(Cell(first, bold=first != "leader"), *rest) for first, *rest in texts])
    text = latex_table.table(Table("t", "T", ("val/loss", "n", "level"), rows))
    assert r"{S[table-format=-1.3]@{\,}lS[table-format=4.0]l}" in text
    assert r"\multicolumn{2}{c}{validation loss} & {n} & level \\" in text
    assert r"\bfseries 1.782 & \bfseries $\pm$ 0.010 & 12 & gru \\" in text
    assert r"\bfseries -0.9 & \bfseries $\pm$ 0.2 & 1234 & 64 \\" in text
    assert r"\multicolumn{2}{c}{leader} & {$<$0.001} & 1e-3 \\" in text


def test_a_caption_says_what_is_measured_and_over_how_many(tmp_path: Path) -> None:
    for seed, rate, cell in itertools.product(range(3), (1e-3, 1e-2), ("gru", "lstm")):
        records.run(tmp_path / "s", 1.0 + rate * (1 + seed), seed=seed, cell=cell, optimizer__lr=rate)
    cli.main([str(tmp_path / "s"), "--out", str(tmp_path / "report")])
    chosen = "; exploratory: some settings were chosen on these seeds"
    for name, metric, more in (("tuned-charlm", "test loss", chosen), ("leaderboard-charlm", "validation loss", "")):
        text = (tmp_path / "report" / "tables" / f"{name}.tex").read_text()
        said = rf"({metric} in nats, lower is better; mean and 95\% Student t interval{more}; n = 3)"
        assert said in text


def test_page_markdown_and_latex_show_class_names_and_levels(tmp_path: Path) -> None:
    """What a sweep over two texts with special names and a task with special classes leaves."""
    texts = ["50%_a&b#1.txt", "plain_$x^2~.txt"]
    classes = ["R&D_50%", "<b>C#</b>", "a|b", "x/y z"]
    shown = {"confusion": {"labels": classes, "counts": np.eye(4).tolist()}}
    for seed in range(3):
        for text in texts:
            path = records.run(tmp_path / "s", 1.0 + seed / 9, summary=shown, seed=seed, task__text=text)
            record = json.loads((path / "record.json").read_text())
            record["environment"]["execution"] = []
            (path / "record.json").write_text(json.dumps(record))
    out = tmp_path / "report"
    cli.main([str(tmp_path / "s"), "--out", str(out)])
    html, markdown = (out / "report.html").read_text(), (out / "report.md").read_text()
    tables = (out / "tables" / "ablation-charlm-task_text.tex").read_text()
    assert ">50%_a&amp;b#1.txt<" in html
    assert ">plain_$x^2~.txt<" in html
    assert "&lt;b&gt;C#&lt;/b&gt;" in html
    assert r"50%\_a&amp;b\#1.txt" in markdown
    assert r"50\%\_a\&b\#1.txt" in tables
    assert r"plain\_\$x\textasciicircum{}2\textasciitilde{}.txt" in tables
    assert list(pd.read_csv(out / "tables" / "ablation-charlm-task_text.csv")["level"]) == texts
    assert list(pd.read_csv(out / "figures" / "confusion-charlm.csv").columns) == [*classes, "true"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "run `python -m rnnsweep 'seed=range(3,8)'` next_time",
            r"run `python -m rnnsweep 'seed=range(3,8)'` next\_time",
        ),
        ("a*b", r"a\*b"),
        ("one ` alone_", r"one \` alone\_"),
        ("`<b>` <b>", "`<b>` &lt;b&gt;"),
    ],
)
def test_a_command_in_the_report_can_be_copied(text: str, shown: str) -> None:
    assert markdown.prose(text) == shown
