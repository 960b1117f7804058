"""A worker: claims runs that have no record, trains them in stacks, and goes on until none is left."""

import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from rnnsweep import checkpoint, files, run
from rnnsweep.cores import cores
from rnnsweep.errors import ConfigError, MachineError, tell_once
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.kernels import threads
from rnnsweep.record import RunStore
from rnnsweep.run import PreparedRun
from rnnsweep.study_folder import FOLDER
from rnnsweep.sweep.claimed import identified, make_ready
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.probe import costs, longest_first, probed
from rnnsweep.sweep.status_file import StatusFile
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.trackers import tracked
from rnnsweep.train import Observer, ShouldPrune, never

Claimed = list[tuple[PreparedRun, RunStore]]

IDLE_SECONDS = 0.5  # between two looks at runs that others are training: they may die and leave them


class Worker:
    """Pulls runs from a plan; any number of workers, on any machines that share the directory, may do so at once."""

    def __init__(self, plan: Plan, options: WorkOptions, stop: StopRequest):
        self.plan, self.options, self.stop = plan, options, stop
        measured = costs(plan.runs)
        self.status = StatusFile(plan.study, measured)
        self.should_prune: ShouldPrune = never
        self.left = longest_first(plan.runs, measured)
        self._stops = {planned.id: planned.until for planned in plan.runs}
        self.stop_file = plan.study / FOLDER / "stop"  # made when a run fails under on_error=stop

    def work(self) -> None:
        """Returns when every run of the plan has a record.

        Raises:
            Interrupted: a signal came; the runs in hand have their checkpoints.
        """
        try:
            with self._threads():
                self._work()
        finally:
            self.status.close()

    def _work(self) -> None:
        while self.left and not self._has_to_stop():
            if self.stop.signum:
                raise Interrupted(self.stop.signum)
            with self._claimed() as claimed:
                if claimed:
                    self._train(claimed)
                elif self.left:
                    self.status.write(runs=[])
                    time.sleep(IDLE_SECONDS)

    def _has_to_stop(self) -> bool:
        """Whether on_error=stop holds and a run has failed; a second terminal that said `continue` goes on."""
        return self.options.on_error == "stop" and self.stop_file.exists()

    def _threads(self) -> AbstractContextManager[None]:
        # torch's own number heeds OMP_NUM_THREADS, in which Ray says how many cores it gave
        return threads.using(self.options.threads or min(cores(), torch.get_num_threads()))

    @contextmanager
    def _claimed(self) -> Iterator[Claimed]:
        """The next runs to train together, locked until the block ends; empty while others train all that is left."""
        claimed: Claimed = []
        try:
            limit = 1
            for planned in list(self.left):
                if claimed and not self._is_like(planned, claimed[0][0]):
                    continue
                taken = self._take(planned)
                if taken is None:
                    continue
                if claimed and checkpoint.step(taken[1]) != checkpoint.step(claimed[0][1]):
                    taken[1].release()
                    continue
                claimed.append(taken)
                if len(claimed) == 1:
                    limit = self._limit(planned, taken[0])
                if len(claimed) >= limit:
                    break
            yield claimed
        finally:
            for _, store in claimed:
                store.release()

    def _take(self, planned: Planned) -> tuple[PreparedRun, RunStore] | None:
        """The run, claimed. None if it has a record (it then leaves the list) or another worker holds it."""
        store = self.plan.store(planned)
        if not self._over(planned):
            if not store.claim():
                return None
            if not self._over(planned):  # nobody finished it between the look and the claim
                make_ready(planned, store)
                try:
                    return identified(planned, store, self.options.resume_changed), store
                except ConfigError as error:
                    self._fail(planned.id, store, planned.config, str(error))
            store.release()
        self.left.remove(planned)
        return None

    def _over(self, planned: Planned) -> bool:
        return self.plan.is_over(planned)

    def _limit(self, planned: Planned, first: PreparedRun) -> int:
        alike = sum(other.signature == planned.signature for other in self.left)
        alike = -(-alike // self.options.workers)
        self.status.expected = 0.0
        if alike == 1 or RunStore(self.plan.study / planned.id).deaths():
            return 1  # a run that has killed a worker is tried alone
        if self.options.stack != "auto":
            return self.options.stack
        # a probe that the kernel ends for want of memory is this run's death
        self.status.write(runs=[planned.id], step=0, steps=0, train=None)
        found = probed(first, alike, self.plan.study / FOLDER)
        self.status.expected = found.step
        return found.size(alike)

    def _train(self, claimed: Claimed) -> None:
        """Trains the runs as a stack; where that fails, each half by itself, so that one run's failure is its own."""
        if len({checkpoint.step(store) for _, store in claimed}) > 1:  # a kill came between two checkpoints of a stack
            for each in claimed:
                self._train([each])
            return
        self.status.write(runs=[member.id for member, _ in claimed], step=0, steps=0, train=None)
        try:
            observer, study = self._observer(claimed[0][0]), self.plan.study / FOLDER
            until = self._until(claimed[0][0].id)
            run.execute(claimed, observer, self.stop, self.should_prune, study, until)
        except MachineError:  # no fault of the runs: they stay as they are, interrupted
            raise
        except Exception as error:
            left = [(each, store) for each, store in claimed if store.record() is None]  # some have left the stack
            if len(claimed) > 1:
                middle = -(-len(left) // 2)
                for half in filter(None, (left[:middle], left[middle:])):
                    self._train(half)
                return
            ((failed, store),) = claimed
            said = str(error) if isinstance(error, ConfigError) else traceback.format_exc()
            self._fail(failed.id, store, failed.written, said)

    def _is_like(self, planned: Planned, first: PreparedRun) -> bool:
        """Whether a run can be trained with another one as a stack."""
        return planned.signature == first.signature and planned.until == self._until(first.id)

    def _until(self, name: str) -> int | None:
        """The step at which a run of the plan waits."""
        return self._stops.get(name)

    def _observer(self, first: PreparedRun) -> Observer:
        try:
            return tracked(self.status, first.train.tracker)
        except ConfigError as error:  # it is not on this machine; where the sweep was planned it is
            tell_once(str(error))
            return self.status

    def _fail(self, name: str, store: RunStore, config: dict[str, Any], error: str) -> None:
        run.fail(name, store, config, error)
        self.status.write(failed=[*self.status.state["failed"], name])
        if self.options.on_error == "stop":
            files.write(self.stop_file, b"", synced=False)
