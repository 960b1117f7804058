"""The local launcher: one supervised process a core or a GPU; a worker that dies is replaced."""

import ctypes
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing.context import ForkProcess
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from rnnsweep.interrupt import Interrupted, listening
from rnnsweep.sweep.machine import visible_gpus
from rnnsweep.sweep.task import WorkTask

LOOK_SECONDS = 0.2  # between two looks at the workers


class LocalLauncher:
    """Forks workers from this process, which has imported torch but run nothing on it; watches and replaces them.

    A worker that is killed, by the kernel for want of memory or by anybody, is replaced, and its runs are noted as
    having died with it; a run that dies twice without getting further is recorded as failed.
    """

    def __init__(self, gpus: Sequence[int] | None = None):
        self.gpus = [str(gpu) for gpu in gpus] if gpus is not None else visible_gpus()

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        if not isinstance(task_function, WorkTask):
            raise ValueError("hydra/launcher=local starts the workers of hydra/sweeper=study; use hydra/launcher=basic")
        self.task = task_function

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs as many workers as there are jobs until the plan is done.

        Raises:
            Interrupted: a signal came; the workers have written their checkpoints.
        """
        with listening() as stop:
            workers = [self._start(index) for index in range(len(job_overrides))]
            view = self.task.view()
            try:
                while any(worker.is_alive() for worker in workers):
                    time.sleep(LOOK_SECONDS)
                    view.refresh()
                    if stop.signum:
                        raise Interrupted(stop.signum)
                    workers = [self._looked_after(index, worker) for index, worker in enumerate(workers)]
            finally:
                _end(workers)
                view.close()
        results = [JobReturn(overrides=list(overrides)) for overrides in job_overrides]
        for result in results:
            result.status, result.return_value = JobStatus.COMPLETED, None
        return results

    def _looked_after(self, index: int, worker: ForkProcess) -> ForkProcess:
        """The worker, or the one that replaces it where it died without a word."""
        if worker.exitcode is None or worker.exitcode >= 0:
            return worker
        self.task.bury(worker.pid or 0, signal.Signals(-worker.exitcode).name)
        return self._start(index)

    def _start(self, index: int) -> ForkProcess:
        context = multiprocessing.get_context("fork")
        gpu = self.gpus[index % len(self.gpus)] if self.gpus else None
        worker = context.Process(target=_serve, args=(self.task, gpu, os.getpid()))
        worker.start()
        return worker


def _serve(task: WorkTask, gpu: str | None, parent: int) -> None:
    """The life of a worker's process."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches all; the parent decides, by SIGTERM
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    try:
        task()
    except Interrupted as interrupt:
        sys.exit(interrupt.exit_code)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _die_with(parent: int) -> None:
    """Asks Linux for a SIGTERM when the parent is gone, so that a killed sweep leaves no workers behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            sys.exit(143)


def _end(workers: Sequence[Any]) -> None:
    """Asks the workers that still live to stop, and waits for their checkpoints."""
    for worker in workers:
        if worker.is_alive():
            worker.terminate()
    for worker in workers:
        worker.join()
