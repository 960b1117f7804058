"""Missing numbers: what stands for them in a file, and what is done about them."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from rnnsweep.errors import tell_once

Missing = Literal["refuse", "drop", "interpolate", "forward"]

ABSENT = frozenset(("", "-", "--", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"))
"""What stands in a column of numbers where a value is missing, in lower case."""
FEWEST = 10
"""A number is judged to be far from the others only if these are as many different ones, at least."""


def without_marks(numbers: Float64[np.ndarray, "*shape"], marks: Sequence[float]) -> Float64[np.ndarray, "*shape"]:
    """The numbers, with a NaN in place of each one that is among `marks`."""
    return np.where(np.isin(numbers, marks), np.nan, numbers) if marks else numbers


def unmarked(
    path: str, names: Sequence[str], numbers: Float64[np.ndarray, "row column"], marks: Sequence[float]
) -> Float64[np.ndarray, "row column"]:
    """The numbers of a file, with a NaN in place of each one that is among `marks`.

    A message names each mark that does not occur, and each number that looks like a mark but is not among them: it
    occurs more than once, and it is farther from all others than these are from each other, as -999 in a column of
    temperatures.

    Args:
        path: of the file.
        names: of the columns.
        numbers: as the file has them.
        marks: numbers that stand for a missing one, as `task.missing_values` lists them.
    """
    for mark in marks:
        if not (numbers == mark).any():
            tell_once(f"no number of `{path}` is {mark:.10g}, which `task.missing_values` names")
    found = without_marks(numbers, marks)
    for name, column in zip(names, found.T, strict=True):
        known = column[~np.isnan(column)]
        for mark in (known.min(initial=np.inf), known.max(initial=-np.inf)):
            count = np.count_nonzero(known == mark)
            if count > 1 and _is_far(mark, known[known != mark]):
                problem = f"{count:,} of {len(column):,} numbers of `{name}` are {mark:.10g}, far from all others"
                hint = f"if they stand for missing values, set `task.missing_values=[{mark:.10g}]`"
                tell_once(f"`{path}`: {problem}; {hint}")
    return found


def _is_far(mark: float, others: Float64[np.ndarray, "_"]) -> bool:
    """Whether a number is farther from the nearest of many others than these are from each other."""
    far = len(others) >= FEWEST and np.abs(others - mark).min() > np.ptp(others)
    return bool(far) and len(np.unique(others)) >= FEWEST


def fill(numbers: Any, missing: Missing) -> Any:
    """Numbers without their gaps, as far as these can be filled.

    Args:
        numbers: a pandas.Series or DataFrame; a gap is a NaN.
        missing: refuse: leave the gaps; drop: leave the rows with gaps out; interpolate: a straight line from the
            number before to the one after; forward: repeat the number before.
    """
    return {
        "refuse": lambda: numbers,
        "drop": lambda: numbers.dropna(),
        "interpolate": lambda: numbers.interpolate(limit_area="inside"),
        "forward": lambda: numbers.ffill(),
    }[missing]()


def tell_filled(path: str, count: int, total: int, missing: Missing, what: str = "a number") -> None:
    """Says how many numbers were missing, and what was done; for `drop`, how many rows lack `what`."""
    s, be, were, them = ("s", "is", "was", "it") if count == 1 else ("", "are", "were", "them")
    neighbours = f"; the rows around {them} count as neighbours" if what == "a number" else ""
    line = "on a line to the next known number, which a forecast would not know"
    done = {
        "drop": f"rows lack{s} {what} and {be} left out{neighbours}",
        "interpolate": f"numbers {were} missing and lie{s} {line}",
        "forward": f"numbers {were} missing and repeat{s} the number before",
    }
    if count:
        tell_once(f"`{path}`: {count:,} of {total:,} {done[missing]} (task.missing={missing})")
