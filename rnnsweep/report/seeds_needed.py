"""How many seeds a comparison still needs: as a range, because a few seeds know their own spread badly."""

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
SURE = 0.8
"""How sure the range is of the spread."""
MOST = 1000
"""A larger number of seeds is not counted out."""


def table(of: TunedComparison, margin: float) -> Table | None:
    """A row for each comparison whose interval is wider than the margin allows; None where there are none."""
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
        f"For the margin of {number(margin)}. The ranges are from the spread's own chi-square interval of {SURE:.0%}. "
        "Power is that of a paired t test at 5% for a difference as large as the margin.",
        "To stop at will: an interval that holds whenever one looks (e-process of the t test, effect variance 4).",
    ]
    if first <= MOST:
        notes.append(more(of, arms, first))
    names = ("comparison", "seeds", "half width", "seeds for the margin", f"seeds for {POWER:.0%} power", "at any time")
    return Table(f"needed-{anchor(of.runs.task)}", "Seeds needed", names, rows_of(*rows), tuple(notes))


def undecided(comparison: ArmComparison, margin: float) -> bool:
    """Whether neither a difference nor its absence is shown."""
    if not comparison.interval.known or comparison.unit != "seed" or comparison.clear:
        return False
    if comparison.look:
        return comparison.look.verdict == "open"
    return max(abs(comparison.interval.low), abs(comparison.interval.high)) >= margin


def for_power(spread: float, difference: float) -> int:
    """The smallest number of pairs with which a t test finds a difference with a probability of POWER."""
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
