"""How busy other programs keep the cores of this machine, as Linux counts it."""

import os
import time
from pathlib import Path

from rnnsweep import cores

COUNTS = Path("/proc/stat")
USER, NICE, SYSTEM, IRQ, SOFTIRQ, STEAL = 0, 1, 2, 5, 6, 7
"""Columns of a core's line: time spent so far, in ticks. The others are idle, or counted in `user` too."""


class Load:
    """Measures what other programs use of the cores that this process may use, from the moment when it is made.

    Programs of a lower priority are left out if this one has the usual priority, because they give way to it.
    """

    def __init__(self) -> None:
        self._start = time.monotonic(), self._used()

    def others(self) -> float:
        """How many cores other programs kept busy since then, as in 1.5. 0 if the system does not count it."""
        start, before = self._start
        seconds = time.monotonic() - start
        return max(0.0, (self._used() - before) / seconds) if seconds else 0.0

    def share(self, workers: int) -> float:
        """The part of the time, at most 1, in which each of so many workers has a core, if cores are shared evenly."""
        return min(1.0, cores.cores() / workers, len(cores.bound()) / (workers + self.others()))

    def _used(self) -> float:
        """Seconds that others have used of the cores, all together."""
        own = os.times()
        return _busy() - (own.user + own.system + own.children_user + own.children_system)


def _busy() -> float:
    """Seconds that the cores of this process were busy since the machine was started."""
    try:
        lines = COUNTS.read_text().splitlines()
    except OSError:
        return 0.0
    names = {f"cpu{core}" for core in cores.bound()}
    columns = [USER, SYSTEM, IRQ, SOFTIRQ, STEAL] + ([NICE] if os.nice(0) > 0 else [])
    rows = [[int(count) for count in counts] for name, *counts in map(str.split, lines) if name in names]
    return sum(row[column] for row in rows for column in columns) / os.sysconf("SC_CLK_TCK")
