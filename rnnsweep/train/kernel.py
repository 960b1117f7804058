"""The kernel that a stack runs with."""

from pathlib import Path

import torch

from rnnsweep.kernels import Execution, choice, fused
from rnnsweep.rehearsal import Rehearsal
from rnnsweep.stack import Stack, source
from rnnsweep.train.batches import collate
from rnnsweep.train.member import Member


def choose(stack: Stack, first: Member, device: torch.device, steps: int, study: Path | None) -> None:
    """Sets the kernel that `train.kernel` names, or the fastest one for this shape on this machine.

    Args:
        stack: it is changed.
        first: one of its members. The choice does not depend on which.
        device: where it trains.
        steps: the steps of the whole run.
        study: the folder in which a study saves its choice.
    """
    of_torch: Execution = "library" if stack.size == 1 else "scan"
    if first.config.kernel != "auto":
        stack.run_with(of_torch if first.config.kernel == "library" else first.config.kernel)
    elif device.type != "cpu":
        stack.run_with(of_torch)
    else:
        batch = collate([first.task.batch(steps - 1)], device)  # a curriculum's widest
        shapes = {name: list(values.shape[1:]) for name, values in batch.items()}
        program = [stack.describe(), source(type(first.task)), shapes]
        together: Execution = "fused" if fused.available() else "scan"
        rehearsal = Rehearsal(first.model, first.task, batch, device)
        run_with(stack, choice.decided(together, program, rehearsal, study))


def keep(stack: Stack, first: Member, device: torch.device, before: set[Execution | None]) -> None:
    """Under `train.kernel=auto`, continues with the kernel of the checkpoints, if this machine has it.

    Args:
        stack: it is changed.
        first: one of its members.
        device: where it trains.
        before: the kernels that the members' checkpoints name; empty without checkpoints. Old ones name None.

    Raises:
        RuntimeError: the members began with different kernels.
    """
    if first.config.kernel != "auto" or before <= {None}:
        return
    if device.type != "cpu":
        if before == {"scan"}:  # from a stack; a run alone has the library's
            stack.run_with("scan")
        return
    if len(before) > 1:
        raise RuntimeError("the runs of a stack were begun with different kernels")
    (kernel,) = before
    if kernel in ("library", "scan") or (kernel == "fused" and fused.available()):
        run_with(stack, kernel)


def run_with(stack: Stack, kernel: Execution) -> None:
    """Sets a kernel such that a member's numbers are the same in every stack."""
    stack.run_with(kernel, together=kernel != "library")
