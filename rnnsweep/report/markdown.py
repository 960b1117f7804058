"""Markdown: report.md, its tables, and text that Markdown shows as it is."""

import re
from collections.abc import Iterator, Sequence

from rnnsweep.report.content import Report
from rnnsweep.report.rendering import Picture
from rnnsweep.report.section import Section
from rnnsweep.report.table import Table, oneline


def page(report: Report, counted: Table, made: Table, warnings: Sequence[str]) -> str:
    """The text of report.md.

    Args:
        report: The content of the report.
        counted: The table of planned runs by task and state.
        made: The table of commits, versions, hardware and data.
        warnings: Warnings about the runs.
    """
    lines = [f"# {escape(report.title)}", "", escape(report.subtitle), "", "## Summary", ""]
    for task, said in report.headlines:
        lines += [f"### {escape(task)}", "", *_says(said)]
    lines += [table(each) for each in report.top_tables]
    lines += map(_figure, report.over_tasks_pictures)
    lines += [table(counted)]
    lines += [f"> {prose(warning)}\n" for warning in warnings]
    for section in report.sections:
        lines += _section(section)
    lines += [
        "## Reproducibility",
        "",
        f"This report: `{report.command.replace('`', chr(39))}`",
        "",
        table(made),
        *([table(report.differing)] if report.differing else []),
    ]
    lines += ["## Appendix: marginal means (biased in unbalanced grids)", ""]
    lines += [table(each) for section in report.sections for each in section.appendix]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {escape(section.task)}", "")
    yield from [table(section.leaderboard)] if section.leaderboard else []
    for answer in section.answers:
        yield from (f"### {escape(answer.title)}", "", escape(answer.asks), "", *_says(answer.sentences))
        yield from (table(each) for each in answer.tables)
        yield from map(_figure, answer.pictures)
    for sample in section.samples:
        yield from (f"#### After “{escape(sample.prompt)}” ({escape(sample.setting)})", "")
        yield from (f"{escape(who)}:\n\n{block(sample.prompt + text)}\n" for who, text in sample.texts)
    yield from (table(each) for each in section.listings)


def _says(sentences: Sequence[str]) -> list[str]:
    return [*(f"- {prose(said)}" for said in sentences), ""]


def _figure(picture: Picture) -> str:
    return f"![{escape(picture.title)}](figures/{picture.name}.png)\n\n{escape(picture.caption)}\n"


def prose(text: str) -> str:
    """A sentence on one line. What stands between backticks, such as a command, can be copied as it is."""
    parts = oneline(text).split("`")
    if len(parts) % 2 == 0 or not all(parts[1::2]):  # a backtick without a partner
        return escape(text)
    return "".join(f"`{part}`" if place % 2 else _escaped(part) for place, part in enumerate(parts))


def escape(text: str) -> str:
    """The text on one line, escaped so that Markdown shows it as it is."""
    return _escaped(oneline(text))


def _escaped(text: str) -> str:
    text = re.sub(r"([\\`*_{}\[\]()#|~$!])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table(of: Table) -> str:
    """A table in Markdown, with its title and notes."""
    lines = [f"**{escape(of.title)}**", "", _line(of.heads), "|" + "---|" * len(of.columns)]
    for row in of.page_rows:
        texts = [escape(cell.text) for cell in row.cells]
        lines.append(
            "| " + " | ".join(f"**{t}**" if c.bold else t for t, c in zip(texts, row.cells, strict=True)) + " |"
        )
    if of.more:
        lines += ["", f"{of.more} more row{' is' if of.more == 1 else 's are'} in `tables/{of.name}.csv`."]
    return "\n".join([*lines, "", *(f"{prose(note)}\n" for note in of.notes)])


def _line(names: Sequence[str]) -> str:
    return "| " + " | ".join(map(escape, names)) + " |"


def block(text: str) -> str:
    """The text as an indented block, so that Markdown shows a model's text as it is."""
    return "\n".join(f"    {line}" for line in re.split("\r\n?|\n", text.rstrip("\r\n")))
