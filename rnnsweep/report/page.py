"""The report's files: report.html, report.md, tables/ and figures/."""

import base64
import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from rnnsweep import lettering
from rnnsweep.report import draw, listings, write
from rnnsweep.report.across import table as across
from rnnsweep.report.across.pictures import pictures as pictures_across
from rnnsweep.report.across.scores import Scores
from rnnsweep.report.draw import RenderedFigure
from rnnsweep.report.section import Section
from rnnsweep.report.table import Table, accounting, anchor

HERE = Path(__file__).parent
SAYS = 10  # sentences of the summary, at most


@dataclasses.dataclass(frozen=True)
class Report:
    """What all files are written from."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    command: str
    warnings: Sequence[str]
    differing: Table | None = None
    """Runs that lie in several directories with different values."""
    across: Scores | None = None
    """The tuned arms over several tasks."""
    runs: pd.DataFrame | None = None
    """All runs, as `rnnsweep.results` gives them."""

    @functools.cached_property
    def over_tasks(self) -> list[Table]:
        """The table of the tuned arms over several tasks; its bootstrap is drawn once for all files."""
        return [across.table(self.across)] if self.across else []

    @functools.cached_property
    def over_tasks_pictures(self) -> list[draw.Picture]:
        """The figures of the tuned arms over several tasks."""
        return pictures_across(self.across) if self.across else []

    @property
    def headlines(self) -> list[tuple[str, list[str]]]:
        """At most SAYS sentences in all, shared among the tasks."""
        each = max(2, SAYS // max(1, len(self.sections)))
        over_all = [("all tasks", [across.sentence(self.across)])] if self.across else []
        return [*over_all, *((section.task, section.headline[:each]) for section in self.sections)]


def publish(report: Report, out: Path) -> list[Path]:
    """Writes everything; returns the two files that a person opens."""
    out.mkdir(parents=True, exist_ok=True)
    pictures = [picture for section in report.sections for a in section.answers for picture in a.pictures]
    pictures = [*report.over_tasks_pictures, *pictures]
    page, text = out / "report.html", out / "report.md"
    counted = accounting([section.runs for section in report.sections])
    made, mixed = listings.reproducibility([section.runs for section in report.sections])
    whole = [counted, made, *report.over_tasks, *([report.differing] if report.differing else [])]
    warnings = [*report.warnings, *mixed, *_boxes(pictures)]
    with draw.drawing(pictures, out / "figures") as drawn:
        tables = [*whole, *(table for section in report.sections for table in _tables(section))]
        for table in tables:
            write.write(table, out / "tables")
        if report.runs is not None:
            write.csv(report.runs, out / "tables" / "results.csv")
        text.write_text(_markdown(report, counted, made, warnings), encoding="utf-8", errors="replace")
        page.write_text(_html(report, drawn(), counted, made, warnings), encoding="utf-8", errors="replace")
    written = {f"figures/{picture.name}" for picture in pictures} | {f"tables/{table.name}" for table in tables}
    _clear(out, written | {"tables/results"})
    return [page, text]


def _boxes(pictures: Sequence[draw.Picture]) -> list[str]:
    """A warning that names the characters for which this machine has no font."""
    words = {word for picture in pictures for word in picture.words}
    left = sorted(lettering.lacking(words, lettering.fallbacks(words)))
    if not left:
        return []
    shown = " ".join(left[:10]) + (f" and {len(left) - 10} more" if len(left) > 10 else "")
    return [f"No font of this machine has {shown}: the PNG and PDF figures show boxes. Install one, such as Noto Sans."]


def _clear(out: Path, written: set[str]) -> None:
    """Removes the figures and tables of an earlier report that this one has not: they would be taken for its own."""
    known = out / ".written"
    before = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    for file in (*out.glob("figures/*"), *out.glob("tables/*")):
        if file.relative_to(out).with_suffix("").as_posix() in set(before) - written:
            file.unlink()
    known.write_text("\n".join(sorted(written)) + "\n", encoding="utf-8")


def _tables(section: Section) -> list[Table]:
    board = [section.leaderboard] if section.leaderboard else []
    answers = [table for answer in section.answers for table in answer.tables]
    return [*section.top_tables, *board, *answers, *section.listings, *section.appendix]


def _top_tables(report: Report) -> list[Table]:
    """The tables at the top: over all tasks, then of each task."""
    return [*report.over_tasks, *(table for section in report.sections for table in section.top_tables)]


# HTML ------------------------------------------------------------------------------------------------------------


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
        top_tables=_top_tables(report),
        over_tasks_pictures=[drawn[picture.name] for picture in report.over_tasks_pictures],
        warnings=warnings,
        anchors={row.anchor for section in report.sections for table in _tables(section) for row in table.page_rows}
        | {anchor("task", section.task) for section in report.sections},
        command=report.command,
    )


def _view(section: Section, drawn: dict[str, RenderedFigure]) -> dict[str, Any]:
    """A section with its figures as SVG and its images as data."""
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


# Markdown --------------------------------------------------------------------------------------------------------


def _markdown(report: Report, counted: Table, made: Table, warnings: Sequence[str]) -> str:
    lines = [
        f"# {write.escape(report.title)}",
        "",
        write.escape(report.subtitle),
        "",
        "## Summary",
        "",
    ]
    for task, said in report.headlines:
        lines += [f"### {write.escape(task)}", "", *_says(said)]
    lines += [write.markdown(table) for table in _top_tables(report)]
    lines += map(_figure, report.over_tasks_pictures)
    lines += [write.markdown(counted)]
    lines += [f"> {write.escape(warning)}\n" for warning in warnings]
    for section in report.sections:
        lines += [f"## {write.escape(section.task)}", ""]
        lines += [write.markdown(section.leaderboard)] if section.leaderboard else []
        for answer in section.answers:
            lines += [f"### {write.escape(answer.title)}", "", write.escape(answer.asks), "", *_says(answer.sentences)]
            lines += [write.markdown(table) for table in answer.tables]
            lines += map(_figure, answer.pictures)
        for sample in section.samples:
            lines += [f"#### After “{write.escape(sample.prompt)}” ({write.escape(sample.setting)})", ""]
            lines += [f"{write.escape(who)}:\n\n{write.block(sample.prompt + text)}\n" for who, text in sample.texts]
        lines += [write.markdown(table) for table in section.listings]
    lines += [
        "## Reproducibility",
        "",
        f"This report: `{report.command.replace('`', chr(39))}`",
        "",
        write.markdown(made),
        *([write.markdown(report.differing)] if report.differing else []),
    ]
    lines += ["## Appendix: marginal means (biased in unbalanced grids)", ""]
    lines += [write.markdown(table) for section in report.sections for table in section.appendix]
    return "\n".join(lines) + "\n"


def _says(sentences: Sequence[str]) -> list[str]:
    return [*(f"- {write.escape(said)}" for said in sentences), ""]


def _figure(picture: draw.Picture) -> str:
    return f"![{write.escape(picture.title)}](figures/{picture.name}.png)\n\n{write.escape(picture.caption)}\n"
