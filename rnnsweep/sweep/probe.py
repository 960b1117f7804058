"""How many runs of one shape to train as one program: measured, once for a shape, a machine and a study."""

import dataclasses
import json
import platform
import tempfile
import time
from pathlib import Path

import torch

from rnnsweep import files, locks, run
from rnnsweep.interrupt import StopRequest
from rnnsweep.kernels import threads
from rnnsweep.record import RunStore
from rnnsweep.run import PreparedRun
from rnnsweep.train import Observer, Trainer

SIZES = (1, 4, 16, 64, 256)
SECONDS = 0.1  # of measuring one size
GAIN = 1.1  # a larger stack must be this much faster per run, or it is not worth its memory


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

    def size(self, available: int) -> int:
        """How many runs to train as one program, at most `available`."""
        return min(available if self.grows else self.best, available, SIZES[-1])

    @property
    def step(self) -> float:
        """Seconds of a step at the best size; a smaller stack takes no longer."""
        return self.share * self.best


def stack_size(like: PreparedRun, available: int, folder: Path) -> int:
    """The size of the stack in which a run like this one advances fastest, at most `available`."""
    return probed(like, available, folder).size(available)


def probed(like: PreparedRun, available: int, folder: Path) -> Probed:
    """What was measured for runs like this one on this machine; measured now where it was not before.

    Args:
        like: a run of the shape.
        available: how many runs of the shape are left.
        folder: where the study keeps its measurements.
    """
    key = f"{like.signature[:16]} {platform.node()} {threads.count()}"
    with locks.alone(folder / ".probe.lock"):  # so that workers do not measure the same shape or disturb each other
        known = files.read(folder / "probe.json", dict[str, Probed]) or {}
        if key not in known or (known[key].grows and known[key].tried < min(available, SIZES[-1])):
            known[key] = _measure(like, available, folder)
            content = json.dumps({name: dataclasses.asdict(probed) for name, probed in known.items()})
            files.write(folder / "probe.json", content, synced=False)
    return known[key]


def _measure(like: PreparedRun, available: int, study: Path) -> Probed:
    """Measures larger and larger stacks, until a run's share of a step stops falling or memory runs short."""
    best, tried, shortest = 1, 1, float("inf")
    for size in dict.fromkeys(min(size, available) for size in SIZES):
        try:
            share = seconds_per_step(like, size, study) / size
        except Exception:  # out of memory, or a run that cannot be trained: its training will say so, alone
            break
        tried = size
        if share * GAIN > shortest:
            break
        best, shortest = size, share
    shortest = shortest if shortest < float("inf") else 0.0
    return Probed(best, tried, best == tried and tried == available, shortest)


def seconds_per_step(like: PreparedRun, size: int, study: Path | None = None) -> float:
    """The median time of a training step of a stack of `size` copies of a run, after two that are not counted."""
    with tempfile.TemporaryDirectory() as folder, run.threads_of(like.train):
        members = [run.make_member(like, RunStore(Path(folder))) for _ in range(size)]
        trainer = Trainer(members, run.device(like.train), Observer(), StopRequest(), study=study)
        while trainer.pace.tries:
            trainer.advance()
        times: list[float] = []
        while len(times) < 3 or (sum(times) < SECONDS and len(times) < 100):
            start = time.perf_counter()
            trainer.advance()
            if trainer.device.type != "cpu":
                torch.accelerator.synchronize(trainer.device)
            times.append(time.perf_counter() - start)
    return sorted(times[2:])[len(times[2:]) // 2]
