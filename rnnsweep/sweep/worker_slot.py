"""A worker's slot in a sweep: its process, and a new one after each death, until it is given up."""

import math
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from rnnsweep.errors import MachineError, tell_once
from rnnsweep.sweep.task import WorkTask
from rnnsweep.system import SIGNALS

DEATHS = 5
"""A worker that has died so often in a row, while no run got further, is not started again."""
PAUSE = 1.0
"""Seconds before the second start; twice as many before each further one."""

STOPPED = [128 + signum for signum in SIGNALS]
"""The exit codes of a worker that somebody asked to stop."""


class WorkerSlot:
    """Looks after one worker.

    Args:
        index: which of the workers.
        task: what it works on.
        start: starts its process; returns it, and the end of a pipe that tells the error it ends with.
    """

    def __init__(self, index: int, task: WorkTask, start: Callable[[int], tuple[BaseProcess, Connection]]):
        self.index, self.task, self._start_process = index, task, start
        self.worker: BaseProcess | None = None
        self.over = False
        self._deaths, self._due, self._left = 0, 0.0, math.inf

    def look(self) -> None:
        """Starts the worker when its time has come, and sees what has become of it.

        Raises:
            MachineError: the worker met a fault of the machine, such as a full disk.
        """
        if self.over:
            return
        if self.worker is None:
            if time.monotonic() >= self._due:
                self._start()
        elif self.worker.exitcode is not None:
            self._ended(self.worker, self.worker.exitcode)

    def _start(self) -> None:
        try:
            self.worker, self._hear = self._start_process(self.index)
        except OSError as error:
            problem = f"it cannot be started ({error.strerror})"
            self._again(f"{problem}; allow more processes (`ulimit -u`) or memory, or ask for fewer workers")

    def _ended(self, worker: BaseProcess, code: int) -> None:
        self.worker = None
        if code == 0 or code in STOPPED:
            self.over = True
        elif code > 0:
            said = self._said() or f"it ended with exit code {code}"
            if isinstance(said, MachineError):  # the other workers would meet it too
                raise said
            tell_once(f"a worker ended with an error: {said}")
            self._again(said)
        else:
            cause = signal.Signals(-code).name
            self._again(f"it was ended by {cause}", self.task.record_death(worker.pid or 0, cause))

    def _said(self) -> str | MachineError | None:
        """The error that the worker ended with; None where a library ended it, without a word."""
        try:
            said: str | MachineError = self._hear.recv()
        except EOFError:
            return None
        return said

    def _again(self, cause: str, in_a_run: bool = False) -> None:
        """Plans the next start: at once where the worker died in a run, whose own deaths are counted, else later."""
        left = self.task.left()
        self._deaths = 0 if in_a_run else 1 if left < self._left else self._deaths + 1
        self._left = left
        self._due = time.monotonic() + (PAUSE * 2 ** (self._deaths - 1) if self._deaths else 0)
        if self._deaths >= DEATHS:
            self.over = True
            problem = f"a worker ended {DEATHS} times in a row without progress and is not started again: {cause}"
            tell_once(f"{problem}; other workers, if there are any, go on, and the same command tries again")
