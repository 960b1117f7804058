"""How many seeds a comparison still needs. It is a range, because a few seeds estimate their own spread badly."""

import math
from collections.abc import Sequence

from scipy import special  # scipy.stats would take a second to import

from rnnsweep import looks
from rnnsweep.report.commands import more
from rnnsweep.report.numbers import number
from rnnsweep.report.pairs import FEW
from rnnsweep.report.stats import ALPHA
from rnnsweep.report.table import Cell, Table, anchor, rows_of
from rnnsweep.report.tuned_comparison import ArmComparison, TunedComparison

POWER = 0.8
"""The probability with which the test should find a difference as large as the margin."""
SURE = 0.8
"""The level of the interval of the spread, from which the range comes."""
MOST = 1000
"""A larger number of seeds is shown as `over 1000`."""


def table(of: TunedComparison, margin: float) -> Table | None:
    """The seeds that the undecided comparisons need.

    Args:
        of: The tuned comparison.
        margin: The margin below which a difference is small, in the unit of the metric.

    Returns:
        A row for each comparison that shows neither a difference nor its absence; None if there is none.
    """
    found = [c for c in of.comparisons if undecided(c, margin)]
    if not found:
        return None
    widths = [looks.seeds_needed(comparison.values, margin, SURE) for comparison in found]
    rows: list[list[str | Cell]] = []
    for comparison, width in zip(found, widths, strict=True):
        power = [for_power(spread, margin) for spread in looks.spreads(comparison.values, SURE)]
        low, high = (number(end) for end in looks.always_valid(comparison.values))
        rows.append([
            f"{comparison.arm.name} and {comparison.other.name}",
            Cell(str(len(comparison.values)), len(comparison.values)),
            Cell(number(comparison.interval.half), comparison.interval.half),
            Cell(_range(width), {"low": width[0], "high": width[1]}),
            Cell(_range(power), {"low": power[0], "high": power[1]}),
            f"{low} to {high}" if low != "—" else "none yet",
        ])  # fmt: skip
    first = max(min(low for low, _ in widths), FEW)
    arms = list(dict.fromkeys(arm for comparison in found for arm in (comparison.arm, comparison.other)))
    notes = [
        f"For a margin of {number(margin)}. The ranges come from the {SURE:.0%} chi-square interval of the spread. "
        "Power is that of a paired t test at 5%, for a difference as large as the margin.",
        "at any time: an interval that stays valid however often one looks at it (e-process of the t test, effect "
        "variance 4).",
    ]
    if first <= MOST:
        notes.append(more(of, arms, first))
    names = ("comparison", "seeds", "half width", "seeds for the margin", f"seeds for {POWER:.0%} power", "at any time")
    return Table(f"needed-{anchor(of.runs.task)}", "Seeds needed", names, rows_of(*rows), tuple(notes))


def undecided(comparison: ArmComparison, margin: float) -> bool:
    """Whether a comparison shows neither a difference nor its absence."""
    if not comparison.interval.known or comparison.unit != "seed" or comparison.clear:
        return False
    if comparison.look:
        return comparison.look.verdict == "open"
    return max(abs(comparison.interval.low), abs(comparison.interval.high)) >= margin


def for_power(spread: float, difference: float) -> int:
    """The smallest number of pairs with which a t test at ALPHA finds a difference with a probability of POWER.

    Args:
        spread: The standard deviation of the differences.
        difference: The difference to find, in the same unit.
    """
    n = 2
    while n <= MOST:
        limit = float(special.stdtrit(n - 1, 1 - ALPHA / 2))
        if 1 - special.nctdtr(n - 1, difference / spread * math.sqrt(n), limit) >= POWER:
            return n
        n += max(1, n // 50)
    return n


def _range(found: Sequence[int]) -> str:
    low, high = (str(n) if n <= MOST else f"over {MOST}" for n in found)
    return low if low == high else f"{low} to {high}"
