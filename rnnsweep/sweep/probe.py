"""How many runs of one shape to train as one program: measured once for a shape and a machine."""

import dataclasses
import hashlib
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from rnnsweep import run
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.kernels import threads
from rnnsweep.kernels.cache import keep, known, locked, machine
from rnnsweep.planned import Planned
from rnnsweep.provenance import code
from rnnsweep.record import RunStore
from rnnsweep.run import PreparedRun
from rnnsweep.train import Observer, Trainer

SIZES = (1, 4, 16, 64, 256)
SECONDS = 0.1  # of measuring one size
GAIN = 1.1  # a larger stack must be this much faster per run, or it is not worth its memory

FILE = "stacks.json"  # in the user's cache

Clock = Callable[[], float]


@dataclasses.dataclass(frozen=True)
class Probed:
    """What was measured for one shape of runs on one machine."""

    best: int
    """The size with the shortest time per run."""
    tried: int
    """The largest size that was tried."""
    grows: bool
    """Whether the best size is the largest one that there were runs for."""
    share: float
    """Seconds of a step at the best size, divided by the size."""
    steps: int = 0
    """The steps of a run."""

    def size(self, available: int) -> int:
        """How many runs to train as one program, at most `available`."""
        return min(available if self.grows else self.best, available, SIZES[-1])

    @property
    def step(self) -> float:
        """Seconds of a step at the best size; a smaller stack takes no longer."""
        return self.share * self.best


def costs(runs: Sequence[Planned]) -> dict[str, float]:
    """Seconds that a run adds to its stack's time, by the signature of its shape.

    Shapes that were not measured on this machine before are left out.
    """
    first = {planned.signature: planned for planned in reversed(runs)}
    table = known(FILE, dict[str, Probed])
    found = {shape: _cost(planned, table) for shape, planned in first.items()}
    return {shape: seconds for shape, seconds in found.items() if seconds}


def _cost(planned: Planned, table: Mapping[str, Probed]) -> float:
    """Of one run; 0 where its shape was not measured."""
    try:
        found = table.get(_key(run.identify(planned.config)))
    except ConfigError:  # told when it is the run's turn
        return 0.0
    return found.share * found.steps if found else 0.0


def longest_first(runs: Sequence[Planned], seconds: Mapping[str, float]) -> list[Planned]:
    """The runs in the order in which workers begin them, so that no long one is left to the end.

    Those of one shape keep their order. Shapes without a cost come first: they may be long.
    """
    return sorted(runs, key=lambda planned: -seconds.get(planned.signature, math.inf))


def stack_size(like: PreparedRun, available: int, study: Path) -> int:
    """The size of the stack in which a run like this one advances fastest, at most `available`."""
    return probed(like, available, study).size(available)


def probed(like: PreparedRun, available: int, study: Path) -> Probed:
    """What was measured for runs like this one on this machine; measured now where it was not before.

    Args:
        like: a run of the shape.
        available: how many runs of the shape are left.
        study: the folder in which a study saves its choice of a kernel.
    """
    key = _key(like)
    with locked("stacks"):  # so that workers do not measure the same shape or disturb each other
        table = known(FILE, dict[str, Probed])
        if key in table and not (table[key].grows and table[key].tried < min(available, SIZES[-1])):
            return table[key]
        found, whole = _measure(like, available, study)
        if whole:
            keep(FILE, table | {key: found})
        return found


def _key(like: PreparedRun) -> str:
    """A name for the shape, the code and the machine. No number of a run depends on what is found under it."""
    where = run.device(like.train)
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else where.type
    content = [machine(), name, threads.count(), code(like.config), like.signature]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


def _measure(like: PreparedRun, available: int, study: Path) -> tuple[Probed, bool]:
    """Measures larger and larger stacks, until a run's share of a step stops falling or memory runs short.

    Returns:
        What was found, and whether it may be kept: not so where a step failed, which another day it may not.
    """
    best, tried, shortest, whole = 1, 1, float("inf"), True
    for size in dict.fromkeys(min(size, available) for size in SIZES):
        try:
            share = seconds_per_step(like, size, study, clock_of(like)) / size
        except Exception:  # out of memory, or a run that cannot be trained: its training will say so, alone
            whole = False
            break
        tried = size
        if share * GAIN > shortest:
            break
        best, shortest = size, share
    shortest = shortest if shortest < float("inf") else 0.0
    steps = like.train.total_steps(like.task.steps_per_epoch) if whole else 0
    return Probed(best, tried, best == tried and tried == available, shortest, steps), whole


def clock_of(like: PreparedRun) -> Clock:
    """The processor's time, which other programs do not change, where all is computed in one thread."""
    alone = run.device(like.train).type == "cpu" and threads.count() == 1
    return time.process_time if alone else time.perf_counter


def seconds_per_step(
    like: PreparedRun, size: int, study: Path | None = None, clock: Clock = time.perf_counter
) -> float:
    """The median time of a training step of a stack of `size` copies of a run."""
    with copies(like, size, study) as trainer:
        return median_step(trainer, clock)


def median_step(trainer: Trainer, clock: Clock = time.perf_counter) -> float:
    """The median time of some training steps, after two that are not counted."""
    while trainer.pace.tries:
        trainer.advance()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < SECONDS and len(times) < 100):
        start = clock()
        trainer.advance()
        if trainer.device.type != "cpu":
            torch.accelerator.synchronize(trainer.device)
        times.append(clock() - start)
    return sorted(times[2:])[len(times[2:]) // 2]


@contextmanager
def copies(like: PreparedRun, size: int, study: Path | None = None) -> Iterator[Trainer]:
    """A stack of so many copies of a run, which leaves no files."""
    with tempfile.TemporaryDirectory() as folder, run.threads_of(like.train):
        members = [run.make_member(like, RunStore(Path(folder))) for _ in range(size)]
        yield Trainer(members, run.device(like.train), Observer(), StopRequest(), study=study)
