"""The checkpoints of a stack's members: when they are written, what they hold, and how training goes on from them."""

import time
from collections.abc import Sequence
from typing import Any

import torch

from rnnsweep import checkpoint
from rnnsweep.errors import tell_once
from rnnsweep.kernels import Execution
from rnnsweep.layout import Learned
from rnnsweep.optim import Slots
from rnnsweep.stack import Stack
from rnnsweep.train.log import MetricsLog
from rnnsweep.train.member import SAVED, Member
from rnnsweep.types import State


class Checkpoints:
    """Writes `best.pt` and `last.pt` of every member, and reads them again.

    Args:
        members: the runs of the stack.
        stack: their models.
        best: the weights of their best validations.
        slots: the state of their optimizers.
        log: their rows.
        seconds: how long training may go on without a checkpoint.
    """

    def __init__(
        self, members: Sequence[Member], stack: Stack, best: Learned, slots: Slots, log: MetricsLog, seconds: float
    ):
        self.members, self.stack, self.best, self.slots, self.log = members, stack, best, slots, log
        self.seconds = seconds
        self.open = list(range(len(members)))  # rows of members whose end is not in a checkpoint yet
        self.best_saved: dict[int, float | None] = dict.fromkeys(self.open)
        self.saved_at, self.saved_step = time.monotonic(), -1

    # Writing -------------------------------------------------------------------------------------------------

    def are_due(self) -> bool:
        """Whether the last checkpoint is too old."""
        return time.monotonic() - self.saved_at >= self.seconds

    def save(self, step: int, state: State) -> None:
        """Writes best.pt, then last.pt, which says how long metrics.jsonl is: a kill in between repeats some work."""
        self.log.count_time()
        for row in self.open:
            member = self.members[row]
            if member.best.get("step") != self.best_saved[row]:
                self._save_best(row)
            member.store.sync()  # the rows that last.pt counts on are on the disk before it is
            checkpoint.save(member.store, "last.pt", self._last(row, step, state))
        self.open = [row for row in self.open if self.members[row].status == "running"]
        self.saved_at, self.saved_step = time.monotonic(), step

    def _save_best(self, row: int) -> None:
        checkpoint.save(self.members[row].store, "best.pt", self._best(row))
        self.best_saved[row] = self.members[row].best["step"]

    def _best(self, row: int) -> dict[str, Any]:
        member = self.members[row]
        return {
            "run": member.run,
            "step": member.best["step"],
            "weights": self.stack.weights(row, self.best),
            "assets": member.task.assets(),
        }

    def _last(self, row: int, step: int, state: State) -> dict[str, Any]:
        member = self.members[row]
        return {
            "run": member.run,
            "code": member.code,
            "step": step,
            "kernel": self.stack.kernel,
            "parameters": self.stack.parameter_count,
            "logged_at": self.log.logged_at,
            "row_seconds": self.log.row_seconds,
            "weights": self.stack.weights(row),
            "best_weights": self.stack.weights(row, self.best),
            "slots": {name: slot[row].clone() for name, slot in self.slots.items()},
            "state": [leaf[row].clone() for leaf in state],
            "tally": {name: total[row].clone() for name, total in self.log.tally.sums.items()},
            "standing": {name: getattr(member, name) for name in SAVED},
            "rows": member.store.size,
        }

    # Reading -------------------------------------------------------------------------------------------------

    def resume(self, steps: int) -> tuple[int, State, set[Execution | None]]:
        """Brings everything to where the checkpoints stand, and cuts later rows off.

        Args:
            steps: the number of the last step.

        Returns:
            The step, the state to carry on, and the kernels of the checkpoints; 0 and nothing where there are none.

        Raises:
            ConfigError: a checkpoint or the rows that it counts on cannot be right.
            RuntimeError: the members stand at different steps.
        """
        read = [self._found(row, steps) for row in range(len(self.members))]
        if len({last["step"] if last else 0 for last in read}) > 1:
            raise RuntimeError("the runs of a stack stand at different steps")
        for member, last in zip(self.members, read, strict=True):
            member.store.rewind(last["rows"] if last else 0)
        saved = [last for last in read if last is not None]
        if not saved:
            return 0, (), set()
        for row, last in enumerate(saved):
            self._restore(row, last)
        self.log.logged_at, self.log.row_seconds = saved[-1]["logged_at"], saved[-1]["row_seconds"]
        for name in saved[0]["tally"]:
            self.log.tally.sums[name] = torch.stack([last["tally"][name] for last in saved]).to(self.stack.device)
        leaves = zip(*(last["state"] for last in saved), strict=True)
        state = tuple(torch.stack(leaf).to(self.stack.device) for leaf in leaves)
        return saved[0]["step"], state, {last.get("kernel") for last in saved}

    def _found(self, row: int, steps: int) -> dict[str, Any] | None:
        """The member's own checkpoint, else the one that it starts from, if it names a run."""
        member, like = self.members[row], self._last(row, 0, ())
        own = checkpoint.last(member.store, like, steps)
        if own or member.parent is None:
            return own
        return _of_own_streams(checkpoint.inherited(member.parent, like), member)

    def _restore(self, row: int, last: dict[str, Any]) -> None:
        member = self.members[row]
        self.stack.load(row, last["best_weights"])
        self.best.copy_(self.stack.learned, row)
        self.stack.load(row, last["weights"])
        for name, slot in self.slots.items():
            slot[row] = last["slots"][name]
        for name, value in last["standing"].items():
            setattr(member, name, value)
        if member.best and not checkpoint.has_best(member.store, self._best(row)):
            self._save_best(row)
        self.best_saved[row] = member.best.get("step")
        if member.status == "pruned":  # a search that is over pruned it; now it is trained to its end
            member.status = "running"


def _of_own_streams(inherited: dict[str, Any], member: Member) -> dict[str, Any]:
    """The checkpoint of another run without the state that it carried, where its batches had other streams."""
    streams, ours = {len(leaf) for leaf in inherited["state"]}, member.task.batch_size
    if streams <= {ours} or member.task.begins(inherited["step"]):
        return inherited
    told = f"the run under `from` carried the state of {streams.pop()} streams, and here are {ours}"
    tell_once(f"train.batch_size: {told}; all begin with the initial state")
    return inherited | {"state": []}
