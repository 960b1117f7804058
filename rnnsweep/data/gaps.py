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
"""Different numbers that a column must have for one to be far from the others."""


def without_marks(numbers: Float64[np.ndarray, "*shape"], marks: Sequence[float]) -> Float64[np.ndarray, "*shape"]:
    """Numbers with a NaN wherever one of `marks` stands."""
    return np.where(np.isin(numbers, marks), np.nan, numbers) if marks else numbers


def check_marks(
    path: str, names: Sequence[str], numbers: Float64[np.ndarray, "row column"], marks: Sequence[float]
) -> None:
    """Says which marks do not occur, and which number looks like a mark and is none.

    A number looks like a mark if it comes more than once and is farther from the others than these are from each other,
    as -999 in a column of temperatures.

    Args:
        path: of the file.
        names: of the columns.
        numbers: as the file has them.
        marks: numbers that stand for a missing one, as `task.missing_values` lists them.
    """
    for mark in marks:
        if not (numbers == mark).any():
            tell_once(f"no number of `{path}` is {mark:.10g}, which `task.missing_values` names")
    for name, column in zip(names, without_marks(numbers, marks).T, strict=True):
        known = column[~np.isnan(column)]
        for mark in (known.min(initial=np.inf), known.max(initial=-np.inf)):
            count = np.count_nonzero(known == mark)
            if count > 1 and _is_far(mark, known[known != mark]):
                problem = f"{count:,} of {len(column):,} numbers of `{name}` are {mark:.10g}, far from all others"
                hint = f"if they stand for missing values, set `task.missing_values=[{mark:.10g}]`"
                tell_once(f"`{path}`: {problem}; {hint}")


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
    one = count == 1
    absent = f"numbers {'was' if one else 'were'} missing and"
    next_to = f"; the rows around {'it' if one else 'them'} count as neighbours" * (what == "a number")
    line = "on a line to the next known number, which a forecast would not know"
    done = {
        "drop": f"rows {'lacks' if one else 'lack'} {what} and {'is' if one else 'are'} left out{next_to}",
        "interpolate": f"{absent} {'lies' if one else 'lie'} {line}",
        "forward": f"{absent} {'repeats' if one else 'repeat'} the number before",
    }
    if count:
        tell_once(f"`{path}`: {count:,} of {total:,} {done[missing]} (task.missing={missing})")
