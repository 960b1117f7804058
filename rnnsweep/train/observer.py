"""What the training loop tells others."""

from rnnsweep.train.member import Member
from rnnsweep.types import Split


class Observer:
    """Is told how training goes. This one does nothing; a subclass overrides what it needs."""

    def started(self, step: int, steps: int) -> None:
        """Training begins after `step` of `steps` steps."""

    def stepped(self, step: int) -> None:
        """Step number `step` is done."""

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        """A row was written to a member's metrics.jsonl."""

    def ended(self) -> None:
        """Training is over, or was stopped."""
