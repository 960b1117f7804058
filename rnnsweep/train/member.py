"""A member: one run of a stack."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

from torch import nn

from rnnsweep.optim import AbstractOptimizer
from rnnsweep.record import RunStore
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.train.config import TrainConfig

Status = Literal["running", "complete", "diverged", "pruned"]


@dataclasses.dataclass
class Member:
    """One run of a stack: its parts, and its state in training."""

    run: str
    """The name of the run's directory."""
    seed: int
    task: AbstractTask
    model: nn.Module
    optimizer: AbstractOptimizer
    config: TrainConfig
    store: RunStore
    code: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The code that it is computed with, for its checkpoints; see provenance.py."""
    parent: RunStore | None = None
    """The run whose last checkpoint it starts from."""
    status: Status = "running"
    last: dict[str, float] = dataclasses.field(default_factory=dict)
    """The newest metrics of each split, as in `val/loss`."""
    best: dict[str, float] = dataclasses.field(default_factory=dict)
    """`step` and the validation metrics at the lowest validation loss so far."""
    snapshots: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """The task's snapshots of the model in training, each with its `step` and `epoch`."""
    stale: int = 0
    """Validations since the best one."""
    first: float = 1.0
    """The loss of the first training step, to which a divergence is relative."""
    steps: int = 0
    seconds: float = 0.0
    share_seconds: float = 0.0
    """Its share of the seconds: each moment is divided by the number of members that trained then."""


SAVED = ("status", "last", "best", "snapshots", "stale", "first", "steps", "seconds", "share_seconds")
"""The fields of a member that a checkpoint holds, under `standing`."""


def running(members: Sequence[Member]) -> list[Member]:
    """The members that still train."""
    return [member for member in members if member.status == "running"]
