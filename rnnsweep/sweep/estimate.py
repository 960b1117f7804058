"""How long a sweep takes, with its workers and with what other programs use of the machine."""

from rnnsweep import cores
from rnnsweep.errors import many
from rnnsweep.sweep.load import Load
from rnnsweep.sweep.view import duration

WORTH_SAYING = 0.1
"""Cores that other programs keep busy."""

FIRST_STEP = 1.5
"""The time until the first training step, divided by the time until there is a plan. For the reference sweep these were
2.8 s and 2.0 s on a quiet machine; see scripts/README.md."""


class Estimate:
    """The time of a sweep whose runs' costs are known.

    Args:
        workers: that share the runs.
        planned: seconds that the command took until it had its plan; the sweep will take them again.
        load: what other programs do meanwhile.
    """

    def __init__(self, workers: int, planned: float, load: Load):
        self.workers, self.start, self.load = workers, FIRST_STEP * planned, load

    def seconds(self, work: float) -> float:
        """From the command to the end of the last run.

        Args:
            work: seconds of processor time, of all runs together.
        """
        return self.start + self.working(work)

    def working(self, work: float) -> float:
        """From the first training step to the end of the last run."""
        return work / self.workers / self.load.share(self.workers)

    def said(self, work: float) -> str:
        """The time as a person reads it: `about 22 s with 2 workers on 2 cores`."""
        text = f"about {duration(self.seconds(work))} with {many(self.workers, 'worker')} on {cores.said()}"
        others = self.load.others()
        return f"{text}; other programs keep {others:.1f} cores busy" if others >= WORTH_SAYING else text
