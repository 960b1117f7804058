"""How busy other programs keep the cores of this machine, as Linux counts it."""

import os
import time
from pathlib import Path

from rnnsweep import cores

COUNTS = Path("/proc/stat")
USER, NICE, SYSTEM, IRQ, SOFTIRQ, STEAL = 0, 1, 2, 5, 6, 7
"""Columns of a core's line: time spent so far, in ticks. The others are idle, or counted in `user` too."""


class Load:
    """Looks from its making on at what other programs use of the cores that this process may use.

    Programs of a lower priority are left out where this one has the usual priority, as they give way to it.
    """

    def __init__(self) -> None:
        self._start = time.monotonic(), self._used()

    def others(self) -> float:
        """Cores that other programs kept busy since then: 1.5 is one and a half. 0 on a system that does not say."""
        start, before = self._start
        seconds = time.monotonic() - start
        return max(0.0, (self._used() - before) / seconds) if seconds else 0.0

    def share(self, workers: int) -> float:
        """The part of its time that each of so many workers gets, where cores are shared evenly: at most 1."""
        return min(1.0, cores.cores() / workers, _bound() / (workers + self.others()))

    def _used(self) -> float:
        """Seconds that others have used of the cores, all together."""
        own = os.times()
        return _busy() - (own.user + own.system + own.children_user + own.children_system)


def _bound() -> int:
    """The cores that this process shares with others. A container's quota does not change which they are."""
    return len(os.sched_getaffinity(0)) if "sched_getaffinity" in dir(os) else os.cpu_count() or 1


def _busy() -> float:
    """Seconds that these cores were busy, since the machine was started."""
    try:
        lines = COUNTS.read_text().splitlines()
    except OSError:
        return 0.0
    names = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    columns = [USER, SYSTEM, IRQ, SOFTIRQ, STEAL] + ([NICE] if os.nice(0) > 0 else [])
    rows = [[int(count) for count in counts] for name, *counts in map(str.split, lines) if name in names]
    return sum(row[column] for row in rows for column in columns) / os.sysconf("SC_CLK_TCK")
