"""Waiting for workers that a cluster's launcher started: the runs' records decide, not the jobs' fates."""

import threading
import time
from collections.abc import Callable, Sequence

from hydra.core.utils import JobReturn

from rnnsweep.sweep.task import WorkTask

LOOK_SECONDS = 1.0


def watch(launch: Callable[[], Sequence[JobReturn]], task: WorkTask) -> None:
    """Launches, shows the progress, and returns when every run is over or every job has ended.

    A cluster may lose a job without a word (a cancelled Slurm job without accounting never reports), so the launcher
    waits in a thread of its own, and nobody waits for it once the work is done.

    Raises:
        Exception: what a launcher raised while runs were left to do.
    """
    errors: list[Exception] = []

    def start() -> None:
        try:
            for result in launch():
                _ = result.return_value  # raises what the worker raised
        except Exception as error:
            errors.append(error)

    waiting = threading.Thread(target=start, daemon=True)
    waiting.start()
    view = task.view()
    try:
        while waiting.is_alive() and view.progress.left:
            time.sleep(LOOK_SECONDS)
            view.refresh()
            view.progress.look()
    finally:
        view.close()
    if errors and view.progress.left:
        raise errors[0]
