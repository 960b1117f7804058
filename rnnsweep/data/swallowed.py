"""A stray quote at the beginning of a field swallows the rows up to the next quote: they become one field, unseen."""

import re
from collections import Counter
from collections.abc import Sequence

from rnnsweep.data.table_rows import Row

NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
FEW = 20  # a column with no more different values than these may hold classes that are written as numbers


class Columns:
    """What stands in the columns of a table, to tell whether a line looks like one of its rows."""

    def __init__(self, columns: Sequence[Sequence[str]]):
        self.values = [Counter(map(str.strip, column)) for column in columns]
        self.rows = len(columns[0])
        self.numbers = [_numbers(values) for values in self.values]

    def swallowed(self, row: Row, separator: str) -> bool:
        """Whether a row that runs over several lines looks like several rows.

        Each of its lines, read by itself, has a field for each column and agrees with the other rows: it has a value
        that occurs elsewhere in its column, or a number in a column of numbers. A text of several lines, which may
        happen to have as many separators in each, does not agree.
        """
        lines = [line.split(separator) for line in row.text.split("\n") if line.strip()]
        if len(lines) < 2 or any(len(line) != len(self.values) for line in lines[: max(2, len(lines) - 1)]):
            return False
        known = [self._known(index, lines) for index in range(len(self.values))]
        found = [
            any(lines[number][index].strip() in known[index] for index in judged)
            for number, judged in enumerate(_judged(lines))
            if judged
        ]
        return bool(found) and all(found)

    def _known(self, index: int, lines: list[list[str]]) -> set[str]:
        """The values of a column in these lines that agree with the other rows.

        Where these lines are most of the file, they need to agree with one another.
        """
        here = Counter(line[index].strip() for line in lines if index < len(line))
        most = len(lines) > self.rows
        if self.numbers[index] or (most and _numbers(here)):
            return set(filter(_is_number, here))
        known = self.values[index]
        return {value for value, count in here.items() if value and (value in known or (most and count > 1))}


def _judged(lines: list[list[str]]) -> list[range]:
    """The fields of each line that would not exist if the lines were one text.

    Those are the ones behind the quote that opens in the first line. Before it, and behind the quote that closes in the
    last line, the fields are the row's own.
    """
    every = range(len(lines[0]))
    opens = max((index for index, field in enumerate(lines[0]) if field.startswith('"')), default=0)
    if len(lines) > 2:
        return [every[opens + 1 :], *[every] * (len(lines) - 2)]
    closes = next((index for index, field in enumerate(lines[1]) if field.endswith('"')), 0)
    return [every[opens + 1 :], every[:closes]]


def _numbers(values: Counter[str]) -> bool:
    """Whether a column holds numbers that are no classes: many different ones."""
    return len(values) > FEW and sum(map(_is_number, values)) > len(values) / 2


def _is_number(value: str) -> bool:
    return NUMBER.fullmatch(value) is not None
