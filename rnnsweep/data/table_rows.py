"""The rows of a table as a text: where each begins, how many fields it has, and whether its quotes are closed.

pandas fills up short rows, takes a surplus field for an index, and does not say on which line a row begins. So the rows
are found and checked here, and pandas reads their values.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

QUOTED = re.compile(r'"(?:[^"]++|"")*+"')


class Row(NamedTuple):
    """A row that is not blank: the line where it begins, its number of fields, and its text in the file."""

    line: int
    fields: int
    text: str


class RowError(Exception):
    """A row that cannot be read: the line where it begins, and why."""

    def __init__(self, line: int, problem: str):
        super().__init__(problem)
        self.line, self.problem = line, problem


def rows(text: str, separator: str) -> Iterator[Row]:
    r"""The rows of a text whose lines end at \n, without the blank ones.

    Raises:
        RowError: a quote is never closed, or text follows where it is closed.
    """
    line, start = 1, 0
    while start < len(text):
        end = text.find("\n", start)
        row = text[start:] if end < 0 else text[start:end]
        fields = row.count(separator) + 1
        if '"' in row:
            end, fields = _quoted(text, start, separator, line)
            row = text[start:end]
        if row.strip() or separator in row:
            yield Row(line, fields, row)
        line += row.count("\n") + 1
        start += len(row) + 1


def _quoted(text: str, start: int, separator: str, line: int) -> tuple[int, int]:
    """Where a row with quotes ends, and how many fields it has."""
    at, fields = start, 1
    while True:
        if text.startswith('"', at):
            quoted = QUOTED.match(text, at)
            if quoted is None:
                raise RowError(line, "opens a quote that is never closed; remove it, or close it")
            at = quoted.end()
            after = text[at : at + 12].split("\n")[0]
            if after and not after.startswith(separator):
                closed = line + text.count("\n", start, at)
                where = f"is closed on line {closed}" if closed > line else "is closed"
                problem = f"opens a quote that {where}, and {after!r} follows; a quote inside a field is written twice"
                raise RowError(line, problem)
        else:
            at = _plain_end(text, at, separator)
        if not text.startswith(separator, at):
            return at, fields
        at, fields = at + 1, fields + 1


def _plain_end(text: str, start: int, separator: str) -> int:
    """Where a field without quotes ends."""
    found = re.compile(f"[{separator}\n]").search(text, start)
    return found.start() if found else len(text)


def width(text: str, separator: str) -> int:
    """How many fields the first row has; 0 where there is none."""
    try:
        return next((row.fields for row in rows(text, separator)), 0)
    except RowError:
        return 0


def scan(text: str, separator: str) -> tuple[list[Row], RowError | None]:
    """The rows of a text, and the first that is wrong: it has other fields than the first row, or a stray quote."""
    found: list[Row] = []
    wrong: RowError | None = None
    try:
        for row in rows(text, separator):
            found.append(row)
    except RowError as error:
        wrong = error
    uneven = [row for row in found if row.fields != found[0].fields]
    return found, _uneven(uneven, found[0].fields, separator) if uneven else wrong


def _uneven(uneven: list[Row], fields: int, separator: str) -> RowError:
    """What is wrong with rows that have other fields than the first one."""
    first = uneven[0]
    problem = f"has {first.fields} field{'s' * (first.fields != 1)} where the header names {fields}"
    others = f" ({len(uneven):,} rows do not fit)" if len(uneven) > 1 else ""
    mark = "tab" if separator == "\t" else f"`{separator}`"
    hint = f"; put a field that holds a {mark} into quotes" if first.fields > fields else ""
    if separator == "," and first.fields > fields and not re.sub(r"[\d,.+\-eE ]", "", first.text):
        hint += ", or separate decimal commas by `;` and add 'task.decimal=\",\"'"
    return RowError(first.line, f"{problem}{others}{hint}")
