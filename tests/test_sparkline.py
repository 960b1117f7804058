"""A curve on one line."""

import math

from rnnsweep.sweep.sparkline import BARS, sparkline


def test_lowest_and_highest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BARS
    assert sparkline([5.0, 5.0]) == "▁▁"


def test_gaps() -> None:
    assert sparkline([1, None, math.nan, 2]) == "▁  █"
    assert sparkline([None]) == " "
    assert sparkline([]) == ""


def test_many_values_keep_their_ends() -> None:
    line = sparkline([*range(1000)], width=10)
    assert len(line) == 10
    assert (line[0], line[-1]) == (BARS[0], BARS[-1])
