"""When a run ends before its last step: it diverges, it no longer gets better, or it is pruned."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from rnnsweep.train.member import Member, running

ShouldPrune = Callable[[Sequence[Member], int], bool]
"""Is asked once after each validation, with the members and the step, whether the running members are to stop."""


def never(*_: Any) -> bool:
    """No run is pruned, as outside of a search."""
    return False


def judge_training(member: Member, means: dict[str, float]) -> None:
    """Ends a member whose loss or gradient diverged in the steps of a train row."""
    if member.task.diverged(means["loss"], member.first) or not math.isfinite(means["grad_norm"]):
        member.status = "diverged"


def judge_validation(member: Member, step: int, metrics: dict[str, float]) -> bool:
    """Ends a member that diverged, or that has lost its patience.

    Returns:
        Whether this validation has the lowest loss so far.
    """
    if member.task.diverged(metrics["loss"], member.first):
        member.status = "diverged"
        return False
    if metrics["loss"] < member.best.get("val/loss", math.inf):
        member.stale = 0
        member.best = {"step": step} | {f"val/{name}": value for name, value in metrics.items()}
        return True
    member.stale += 1
    if member.config.patience is not None and member.stale >= member.config.patience:
        member.status = "complete"
    return False


def prune(members: Sequence[Member]) -> None:
    """Ends all members that still train."""
    for member in running(members):
        member.status = "pruned"
