"""What the training loop tells others."""

from rnnsweep.train.member import Member
from rnnsweep.types import Split


class Observer:
    """Is called by the training loop. This one does nothing; a subclass overrides what it needs."""

    def started(self, step: int, steps: int) -> None:
        """Training begins.

        Args:
            step: steps that are done; above 0 where training continues.
            steps: of the whole run.
        """

    def stepped(self, step: int) -> None:
        """A step is done.

        Args:
            step: its number, from 1.
        """

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        """A row was written to a member's metrics.jsonl.

        Args:
            member: the run.
            step: the step after which the row was written.
            split: what it is about: `train`, `val` or `test`.
            metrics: by name, without the split.
        """

    def ended(self) -> None:
        """Training is over, or was stopped."""
