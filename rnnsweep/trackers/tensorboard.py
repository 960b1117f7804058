"""TensorBoard."""

from typing import Any

from rnnsweep.trackers.base import AbstractTracker, Heard, Log
from rnnsweep.train import Member


class TensorBoard(AbstractTracker):
    """Event files in `<run>/tensorboard`."""

    name = "tensorboard"

    def open(self, member: Member, heard: Heard) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        heard.steps = {}  # rows that an earlier process logged beyond its checkpoint are removed here and logged again
        return SummaryWriter(str(member.store.path / "tensorboard"), purge_step=self.begun_at + 1)

    def write(self, handle: Any, step: int, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            handle.add_scalar(name, value, step)
        handle.flush()  # so that a kill loses no row that a checkpoint counts

    def close(self, log: Log) -> None:
        log.handle.close()
