"""Weights & Biases."""

import os
import uuid
from typing import Any

from rnnsweep.trackers.base import AbstractTracker, Heard, Log
from rnnsweep.train import Member


class WandB(AbstractTracker):
    """A run of the project `rnnsweep`, offline in `<run>/wandb` unless WANDB_MODE says otherwise.

    Offline, a run that was interrupted has a directory for each session, with one id: `wandb sync --append` joins them.
    """

    name = "wandb"

    def open(self, member: Member, heard: Heard) -> Any:
        import wandb

        heard.id = heard.id or uuid.uuid4().hex
        mode: Any = os.environ.get("WANDB_MODE", "offline")
        return wandb.init(
            project="rnnsweep",
            name=member.run,
            id=heard.id,
            resume="allow",
            dir=str(member.store.path),
            mode=mode,
            reinit="create_new",
            settings=wandb.Settings(silent=True),
        )

    def write(self, handle: Any, step: int, metrics: dict[str, float]) -> None:
        handle.log(metrics | {"step": step})

    def close(self, log: Log) -> None:
        log.handle.finish(exit_code=int(log.member.status in ("running", "diverged")))
