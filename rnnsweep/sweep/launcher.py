"""The local launcher: one supervised process for each core or GPU; a worker that dies is replaced."""

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Literal, TextIO

from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from rnnsweep import system
from rnnsweep.errors import TOLD, ConfigError, MachineError
from rnnsweep.interrupt import Interrupted, listening
from rnnsweep.kernels import fused
from rnnsweep.secrets import redacted
from rnnsweep.sweep.machine import visible_gpus
from rnnsweep.sweep.task import WorkTask
from rnnsweep.sweep.worker_slot import WorkerSlot

Streams = tuple[TextIO, TextIO]

LOOK_SECONDS = 0.2  # between two looks at the workers


class LocalLauncher:
    """Starts workers, watches and replaces them.

    A worker that is killed, by the kernel when memory runs out or by a person, is replaced, and it is noted that its
    runs died with it. A run that dies twice without a checkpoint in between is recorded as failed.
    """

    def __init__(self, *, gpus: list[int] | None = None, start: Literal["auto", "fork", "spawn"] = "auto"):
        self.start: system.StartMethod = system.START if start == "auto" else start
        self.gpus = [str(gpu) for gpu in gpus] if gpus is not None else visible_gpus()

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        if not isinstance(task_function, WorkTask):
            problem = "local starts the workers of hydra/sweeper=study alone; use hydra/launcher=basic"
            raise ConfigError("hydra/launcher", problem)
        self.task = task_function

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs as many workers as there are jobs until the plan is done.

        Raises:
            Interrupted: a signal came; the workers have written their checkpoints.
            MachineError: the study's directory is gone, or a worker met a fault of the machine, as a full disk is.
        """
        self.streams = sys.stdout, sys.stderr
        if self.start == "fork" and not self.gpus:
            fused.load()  # once, and not in each worker
        with listening() as stop:
            places = [WorkerSlot(index, self.task, self._start) for index in range(len(job_overrides))]
            for place in places:
                place.look()
            view = self.task.view()
            try:
                while not all(place.over for place in places):
                    time.sleep(LOOK_SECONDS)
                    view.refresh()
                    if stop.signum:
                        raise Interrupted(stop.signum)
                    self.task.check()
                    for place in places:
                        place.look()
            finally:
                _end(places)
                view.close()
        results = [JobReturn(overrides=list(overrides)) for overrides in job_overrides]
        for result in results:
            result.status, result.return_value = JobStatus.COMPLETED, None
        return results

    def _start(self, index: int) -> tuple[BaseProcess, Connection]:
        """A worker's process, and the pipe's end that receives the error it ends with.

        Raises:
            OSError: the system starts no more processes.
        """
        context: Any = multiprocessing.get_context(self.start)  # a common type for its two kinds is missing
        gpu = self.gpus[index % len(self.gpus)] if self.gpus else None
        hear, tell = context.Pipe(duplex=False)
        with tell:
            given = self.task, gpu, os.getpid(), tell, self._streams(), frozenset(TOLD)
            worker = context.Process(target=_serve, args=given)
            worker.start()
        return worker, hear

    def _streams(self) -> Streams | None:
        """The streams of a forked worker: not those of the live display, which belong to a thread."""
        return self.streams if self.start == "fork" else None


def _serve(
    task: WorkTask, gpu: str | None, parent: int, tell: Connection, streams: Streams | None, told: frozenset[str]
) -> None:
    """The life of a worker's process."""
    TOLD.update(told)
    if streams is not None:
        sys.stdout, sys.stderr = streams
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until the task listens; the inherited one is the parent's
    for signum in set(system.SIGNALS) - {signal.SIGTERM}:
        signal.signal(signum, signal.SIG_IGN)  # a terminal sends them to all; the parent decides, by SIGTERM
    system.die_with_parent(parent)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    try:
        task()
    except Interrupted as interrupt:
        sys.exit(interrupt.exit_code)
    except MachineError as error:
        tell.send(error)
        sys.exit(error.exit_code)
    except ConfigError as error:
        tell.send(str(error))
        sys.exit(1)
    except Exception as error:
        tell.send(redacted(f"{type(error).__name__}: {error}") + task.keep(traceback.format_exc()))
        sys.exit(1)


def _end(places: Sequence[WorkerSlot]) -> None:
    """Asks the workers that still live to stop, and waits for their checkpoints."""
    workers = [place.worker for place in places if place.worker is not None]
    for worker in workers:
        if worker.is_alive():
            worker.terminate()
    for worker in workers:
        worker.join()
