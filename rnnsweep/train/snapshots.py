"""Snapshots of the models in training."""

from collections.abc import Sequence

from rnnsweep.stack import Stack
from rnnsweep.train.member import Member


def take_snapshots(members: Sequence[Member], stack: Stack, step: int, steps_per_epoch: int) -> None:
    """Stores the snapshots that the tasks of the running members take at this step."""
    for row, member in enumerate(members):
        if member.status == "running" and member.task.takes_snapshot(step):
            model = stack.module(row).eval()
            member.snapshots.append({"step": step, "epoch": step / steps_per_epoch} | member.task.snapshot(model))
            model.train()
