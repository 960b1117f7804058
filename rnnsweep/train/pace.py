"""How many threads a run uses: one, unless its own steps show that more gain much.

Threads change no number here (see kernels/threads.py), so they may be chosen while the run goes on. Nothing is measured
beside the training: the steps that are compared are steps of the run.
"""

import collections
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rnnsweep.kernels import threads

ROUNDS = 4  # timed steps with each number of threads, after one that is not timed
GAIN = 1.25  # more threads must be this much faster than one
WATCHED = 20  # steps whose median says how fast the run is now


class Pace:
    """Tries one thread and many in turn, keeps what is faster, and looks again where many become slow.

    From many it may go down to one, and stays there: another program may need the processor now and then.

    Args:
        most: how many threads there may be.
        fixed: the number does not change: the user set it, or torch's own operations would give other numbers with more
        threads.
    """

    def __init__(self, most: int, fixed: bool = False):
        self.most = most
        self.threads = most if fixed else 1
        """Threads that share the next step."""
        self.tries = not fixed and most > 1
        """Whether the run still compares."""
        self._watches = False
        self._times: dict[int, list[float]] = {1: [], most: []}
        self._recent: collections.deque[float] = collections.deque(maxlen=WATCHED)
        self._one = 0.0  # seconds of a step with one thread

    @contextmanager
    def step(self) -> Iterator[None]:
        """Inside the block is a step of the run; it has the threads that are due."""
        start = time.perf_counter()
        with threads.sharing(self.threads):
            yield
        self.heard(time.perf_counter() - start)

    def heard(self, seconds: float) -> None:
        """Takes note of how long a step took, and chooses the threads of the next one."""
        if self.tries:
            self._times[self.threads].append(seconds)
            self.threads = 1 if self.threads > 1 else self.most
            if all(len(times) > ROUNDS for times in self._times.values()):
                self._choose()
        elif self._watches:
            self._recent.append(seconds)
            if len(self._recent) == WATCHED and statistics.median(self._recent) > self._one:
                self._look_again()

    def _choose(self) -> None:
        self._one, many = (statistics.median(times[1:]) for times in self._times.values())
        self._watches = many * GAIN <= self._one
        self.threads, self.tries = (self.most if self._watches else 1), False

    def _look_again(self) -> None:
        """Many threads are now slower than one was: the machine is busy, or the steps have more to do."""
        self.threads, self.tries = 1, True
        self._times = {1: [], self.most: []}
        self._recent.clear()
