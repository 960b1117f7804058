"""The report's files: report.html, report.md, tables/ and figures/."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from rnnsweep import lettering
from rnnsweep.report import markdown, provenance_tables, write
from rnnsweep.report.content import Report
from rnnsweep.report.rendering import Picture, RenderedFigure, drawing
from rnnsweep.report.section import Section
from rnnsweep.report.table import Table, accounting, anchor

HERE = Path(__file__).parent


def publish(report: Report, out: Path) -> list[Path]:
    """Writes all files of a report.

    Args:
        report: Its content.
        out: The directory to write.

    Returns:
        The two files that a person opens: report.html and report.md.
    """
    out.mkdir(parents=True, exist_ok=True)
    pictures = [picture for section in report.sections for a in section.answers for picture in a.pictures]
    pictures = [*report.over_tasks_pictures, *pictures]
    page, text = out / "report.html", out / "report.md"
    counted = accounting([section.runs for section in report.sections])
    made, mixed = provenance_tables.reproducibility([section.runs for section in report.sections])
    whole = [counted, made, *report.over_tasks, *([report.differing] if report.differing else [])]
    warnings = [*report.warnings, *mixed, *_boxes(pictures)]
    with drawing(pictures, out / "figures") as drawn:
        tables = [*whole, *(table for section in report.sections for table in section.tables)]
        for table in tables:
            write.write(table, out / "tables")
        if report.runs is not None:
            write.csv(report.runs, out / "tables" / "results.csv")
        text.write_text(markdown.page(report, counted, made, warnings), encoding="utf-8", errors="replace")
        page.write_text(_html(report, drawn(), counted, made, warnings), encoding="utf-8", errors="replace")
    written = {f"figures/{picture.name}" for picture in pictures} | {f"tables/{table.name}" for table in tables}
    _clear(out, written | {"tables/results"})
    return [page, text]


def _boxes(pictures: Sequence[Picture]) -> list[str]:
    """A warning about characters for which this machine has no font; empty if there are none."""
    words = {word for picture in pictures for word in picture.words}
    left = sorted(lettering.lacking(words, lettering.fallbacks(words)))
    if not left:
        return []
    shown = " ".join(left[:10]) + (f" and {len(left) - 10} more" if len(left) > 10 else "")
    return [f"No font of this machine has {shown}: the PNG and PDF figures show boxes. Install one, such as Noto Sans."]


def _clear(out: Path, written: set[str]) -> None:
    """Removes the figures and tables that only an earlier report had, so that nobody takes them for this one's."""
    known = out / ".written"
    before = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    for file in (*out.glob("figures/*"), *out.glob("tables/*")):
        if file.relative_to(out).with_suffix("").as_posix() in set(before) - written:
            file.unlink()
    known.write_text("\n".join(sorted(written)) + "\n", encoding="utf-8")


def _html(
    report: Report, drawn: dict[str, RenderedFigure], counted: Table, made: Table, warnings: Sequence[str]
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["anchor"] = anchor
    script = (HERE / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        title=report.title,
        subtitle=report.subtitle,
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=script,
        script_hash=Markup(base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()),
        sections=[_view(section, drawn) for section in report.sections],
        appendix=[table for section in report.sections for table in section.appendix],
        accounting=counted,
        reproducibility=made,
        differing=report.differing,
        headlines=report.headlines,
        top_tables=report.top_tables,
        over_tasks_pictures=[drawn[picture.name] for picture in report.over_tasks_pictures],
        warnings=warnings,
        anchors={row.anchor for section in report.sections for table in section.tables for row in table.page_rows}
        | {anchor("task", section.task) for section in report.sections},
        command=report.command,
    )


def _view(section: Section, drawn: dict[str, RenderedFigure]) -> dict[str, Any]:
    """A section for the template, with its figures as SVG and its images as data."""
    answers = [
        {
            "slug": a.slug,
            "title": a.title,
            "asks": a.asks,
            "sentences": a.sentences,
            "tables": a.tables,
            "pictures": [drawn[p.name] for p in a.pictures],
        }
        for a in section.answers
    ]
    images = [
        (name, f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}") for name, path in section.images
    ]
    return {
        "task": section.task,
        "metric": section.metric,
        "margin": section.margin,
        "leaderboard": section.leaderboard,
        "answers": answers,
        "images": images,
        "samples": section.samples,
        "listings": section.listings,
    }
