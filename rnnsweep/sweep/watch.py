"""Waiting for workers that a cluster's launcher started: the runs' records decide, not the state of the jobs."""

import threading
import time
import traceback
from collections.abc import Callable, Sequence

from hydra.core.utils import JobReturn, JobStatus

from rnnsweep.errors import ConfigError, MachineError, many, tell_once
from rnnsweep.secrets import redacted
from rnnsweep.sweep.task import WorkTask

LOOK_SECONDS = 1.0


def watch(launch: Callable[[], Sequence[JobReturn]], task: WorkTask) -> None:
    """Launches, shows the progress, and returns when every run is over or every job has ended.

    A cluster may lose a job without a word (a cancelled Slurm job without accounting never reports), so the launcher
    waits in a thread of its own, and nobody waits for it once the work is done.

    A launcher that fails while runs are left, as joblib does whole when one of its processes is killed, is told in a
    line; the runs stay as they are.

    Raises:
        MachineError: the study's directory is gone, or a worker met a fault of the machine, as a full disk is.
    """
    errors: list[Exception] = []

    def start() -> None:
        try:
            raise_from(launch())
        except Exception as error:
            errors.append(error)

    waiting = threading.Thread(target=start, daemon=True)
    view = task.view()  # before the launch: a study may be deleted at any time after it
    waiting.start()
    try:
        while waiting.is_alive() and view.progress.left:
            time.sleep(LOOK_SECONDS)
            view.refresh()
            view.progress.look()
            task.check()
    finally:
        view.close()
    view.progress.look()
    if errors and view.progress.left:
        if isinstance(errors[0], MachineError):
            raise errors[0]
        tell_once(_sentence(errors[0], task, view.progress.left))


def raise_from(results: Sequence[JobReturn]) -> None:
    """Raises what a worker raised."""
    for result in results:
        if result.status == JobStatus.FAILED:
            raise result._return_value  # its property `return_value` prints a line before it raises


def _sentence(error: Exception, task: WorkTask, left: int) -> str:
    """Why a launcher failed, in one line; its whole message goes to a file."""
    said = (redacted(str(error)).strip().splitlines() or [""])[0].rstrip(".")
    named = said if isinstance(error, ConfigError) else f"{type(error).__name__}: {said}"
    kept = task.keep("".join(traceback.format_exception(error)))
    undone = many(left, "trial" if task.is_search else "run")
    return f"the launcher ended with {undone} left to do: {named}{kept}; the same command continues"
