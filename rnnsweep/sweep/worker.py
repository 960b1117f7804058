"""A worker: claims runs that have no record, trains them in stacks, and goes on until none is left."""

import contextlib
import dataclasses
import json
import os
import platform
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

import torch

from rnnsweep import checkpoint, files, run
from rnnsweep.cores import cores
from rnnsweep.errors import ConfigError, MachineError, tell_once
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.kernels import threads
from rnnsweep.planned import worker_file
from rnnsweep.provenance import changed_since_checkpoint, refusal
from rnnsweep.record import RunStore
from rnnsweep.run import Run
from rnnsweep.sweep.plan import FOLDER, Plan, Planned
from rnnsweep.sweep.probe import stack_size
from rnnsweep.trackers import tracked
from rnnsweep.train import Member, Observer, ShouldPrune, never
from rnnsweep.types import Split

Claimed = list[tuple[Run, RunStore]]

IDLE_SECONDS = 0.5  # between two looks at runs that others are training: they may die and leave them


@dataclasses.dataclass(frozen=True)
class WorkOptions:
    """How workers work; nothing of it changes what a run computes."""

    stack: int | Literal["auto"] = "auto"
    """Runs of one shape that are trained as one program; auto: as many as a measured probe says."""
    threads: int = 1
    """Threads of each worker; 0: one for each core that the worker may use."""
    on_error: Literal["continue", "stop"] = "continue"
    """What the workers do after a run has failed."""
    workers: int = 1
    """How many share the plan: none takes more than its share of the runs of one shape."""
    resume_changed: bool = False
    """Whether interrupted runs go on though their code has changed."""


class Board(Observer):
    """The worker's state in a file, for whoever watches: what it trains, how far, how fast."""

    def __init__(self, study: Path):
        self.path = worker_file(study, platform.node(), os.getpid())
        files.make(self.path.parent)
        self.state: dict[str, Any] = {"pid": os.getpid(), "host": platform.node(), "runs": [], "failed": []}
        self.written = 0.0

    def write(self, **changes: Any) -> None:
        self.state |= changes | {"time": time.time()}
        files.write(self.path, json.dumps(self.state), synced=False)
        self.written = time.monotonic()

    def started(self, step: int, steps: int) -> None:
        self.write(step=step, steps=steps)

    def stepped(self, step: int) -> None:
        self.state["step"] = step
        if time.monotonic() - self.written > 1:
            self.write()

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        self.state[split] = metrics["loss"]
        if split == "train":
            self.state["tokens_per_second"] = metrics["tokens_per_second"] * len(self.state["runs"])

    def close(self) -> None:
        with contextlib.suppress(MachineError):  # it is not counted for long
            files.delete(self.path)


class Worker:
    """Pulls runs from a plan; any number of workers, on any machines that share the directory, may do so at once."""

    def __init__(self, plan: Plan, options: WorkOptions, stop: StopRequest):
        self.plan, self.options, self.stop = plan, options, stop
        self.board = Board(plan.study)
        self.should_prune: ShouldPrune = never
        self.left = list(plan.runs)
        self._stops = {planned.id: planned.until for planned in plan.runs}
        self.stop_file = plan.study / FOLDER / "stop"  # a run failed of which on_error=stop made the last

    def work(self) -> None:
        """Returns when every run of the plan has a record.

        Raises:
            Interrupted: a signal came; the runs in hand have their checkpoints.
        """
        try:
            with self._threads():
                self._work()
        finally:
            self.board.close()

    def _work(self) -> None:
        while self.left and not self._has_to_stop():
            if self.stop.signum:
                raise Interrupted(self.stop.signum)
            with self._claimed() as claimed:
                if claimed:
                    self._train(claimed)
                elif self.left:
                    self.board.write(runs=[])
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

    def _take(self, planned: Planned) -> tuple[Run, RunStore] | None:
        """The run, claimed; None where it has a record, which takes it off the list, or another worker holds it."""
        store = self.plan.store(planned)
        if not self._over(planned):
            if not store.claim():
                return None
            if not self._over(planned):  # nobody finished it between the look and the claim
                _make_ready(planned, store)
                try:
                    return self._identified(planned, store), store
                except ConfigError as error:
                    self._fail(planned.id, store, planned.config, str(error))
            store.release()
        self.left.remove(planned)
        return None

    def _identified(self, planned: Planned, store: RunStore) -> Run:
        """The run of a plan's config.

        Raises:
            ConfigError: the config cannot be used, or gives another run than the one that was planned, or the run was
                interrupted with other code.
        """
        found = run.identify(planned.config)
        if found.fingerprint != (planned.fingerprint or found.fingerprint) or not planned.id.startswith(found.id):
            problem = f"the config gives {found.id}, which is not the run that was planned"
            reason = "its files, environment variables or plan have changed since; plan again with the same command"
            raise ConfigError(planned.id, f"{problem}: {reason}")
        changed = [] if self.options.resume_changed else changed_since_checkpoint(store, found.config)
        if changed:
            raise refusal([planned.id], changed)
        return dataclasses.replace(found, id=planned.id)

    def _over(self, planned: Planned) -> bool:
        return self.plan.is_over(planned)

    def _limit(self, planned: Planned, first: Run) -> int:
        alike = sum(other.signature == planned.signature for other in self.left)
        alike = -(-alike // self.options.workers)
        if alike == 1 or RunStore(self.plan.study / planned.id).deaths():
            return 1  # what has killed a worker is tried alone
        if self.options.stack != "auto":
            return self.options.stack
        # a probe that the kernel ends for want of memory is this run's death
        self.board.write(runs=[planned.id], step=0, steps=0, train=None)
        return stack_size(first, alike, self.plan.study / FOLDER)

    def _train(self, claimed: Claimed) -> None:
        """Trains the runs as a stack; where that fails, each half by itself, so that one run's failure is its own."""
        if len({checkpoint.step(store) for _, store in claimed}) > 1:  # a kill came between two checkpoints of a stack
            for each in claimed:
                self._train([each])
            return
        self.board.write(runs=[member.id for member, _ in claimed], step=0, steps=0, train=None)
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

    def _is_like(self, planned: Planned, first: Run) -> bool:
        """Whether a run can be trained with another one as a stack."""
        return planned.signature == first.signature and planned.until == self._until(first.id)

    def _until(self, name: str) -> int | None:
        """The step at which a run of the plan is to wait."""
        return self._stops.get(name)

    def _observer(self, first: Run) -> Observer:
        try:
            return tracked(self.board, first.train.tracker)
        except ConfigError as error:  # it is not on this machine; where the sweep was planned it is
            tell_once(str(error))
            return self.board

    def _fail(self, name: str, store: RunStore, config: dict[str, Any], error: str) -> None:
        run.fail(name, store, config, error)
        self.board.write(failed=[*self.board.state["failed"], name])
        if self.options.on_error == "stop":
            files.write(self.stop_file, b"", synced=False)


def _make_ready(planned: Planned, store: RunStore) -> None:
    """Clears a claimed directory whose run is to be trained anew.

    Raises:
        ConfigError: it is the directory of another run, which is not touched.
    """
    if planned.fingerprint and planned.fingerprint != store.about().get("fingerprint", planned.fingerprint):
        store.release()
        raise ConfigError(str(store.path), "another run has taken this name; the same command plans a longer one")
    if store.generation() < planned.generation:
        store.renew(planned.generation)
