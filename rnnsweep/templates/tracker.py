"""new_tracker: say in a line where it logs."""

import dataclasses
from typing import Any

from rnnsweep.trackers.base import AbstractTracker, Heard, Log
from rnnsweep.train import Member


@dataclasses.dataclass(kw_only=True)
class NewTracker(AbstractTracker):
    """Writes a line for each row into a file: put your own program's calls here."""

    file: str = "new_tracker.txt"
    """In the run's directory."""

    def open(self, member: Member, heard: Heard) -> Any:
        heard.id = member.run  # the last step is kept then, and a run that continues repeats none
        return (member.store.path / self.file).open("a", encoding="utf-8")

    def write(self, handle: Any, step: int, metrics: dict[str, float]) -> None:
        print(step, metrics, file=handle, flush=True)

    def close(self, log: Log) -> None:
        log.handle.close()
