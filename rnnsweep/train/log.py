"""The rows of metrics.jsonl: a train row every few steps, and a row for each evaluation."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from rnnsweep.optim import Column
from rnnsweep.train.member import Member, running
from rnnsweep.train.observer import Observer
from rnnsweep.train.stopping import judge_training
from rnnsweep.train.tally import Tally
from rnnsweep.types import Split


class MetricsLog:
    """Writes the rows of all members and measures their times.

    Args:
        members: the runs of the stack.
        observer: is told of each row.
        device: the device that trains.
        steps_per_epoch: training steps in one pass over the data.
    """

    def __init__(self, members: Sequence[Member], observer: Observer, device: torch.device, steps_per_epoch: int):
        self.members, self.observer, self.device = members, observer, device
        self.steps_per_epoch = steps_per_epoch
        self.tally = Tally()
        self.logged_at, self.row_seconds = 0, 0.0  # of the last train row; training time since then
        self.clock = time.monotonic()

    def start_clock(self) -> None:
        """Begins to count time."""
        self.clock = time.monotonic()

    def count_time(self) -> None:
        """Adds the time since the last call to the running members and to the next row."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)  # Python is ahead of the GPU
        before, self.clock = self.clock, time.monotonic()
        self.row_seconds += self.clock - before
        trained = running(self.members)
        for member in trained:
            member.seconds += self.clock - before
            member.share_seconds += (self.clock - before) / len(trained)

    @contextmanager
    def validating(self) -> Iterator[None]:
        """A block whose time is the members', but stays out of the tokens per second."""
        self.count_time()
        trained = self.row_seconds
        yield
        self.count_time()
        self.row_seconds = trained

    def train_rows(self, step: int, rates: Column) -> None:
        """Writes the running members' means since the last train row, and ends those that diverged."""
        self.count_time()
        steps, seconds = step - self.logged_at, self.row_seconds + 1e-9
        for row, member in enumerate(self.members):
            if member.status != "running":
                continue
            means = self.tally.means(row, steps)
            speed = {
                "lr": rates[row].item(),
                "tokens_per_second": steps * self.tally.tokens_per_step / seconds,
                "seconds_per_epoch": seconds / steps * self.steps_per_epoch,
                "epoch": step / self.steps_per_epoch,
            }
            self.write(member, step, "train", member.task.derive(means) | speed)
            judge_training(member, means)
        self.tally, self.logged_at, self.row_seconds = Tally(), step, 0.0

    def write(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        """Writes one row."""
        member.store.log(step, split, metrics)
        member.steps = step if split == "train" else member.steps
        member.last |= {f"{split}/{name}": value for name, value in metrics.items()}
        self.observer.logged(member, step, split, metrics)
