"""MLflow."""

import logging
import os
import time
from typing import Any

from rnnsweep import locks
from rnnsweep.trackers.base import AbstractTracker, Heard, Log
from rnnsweep.train.member import Member, Status

STATUS: dict[Status, str] = {"running": "KILLED", "complete": "FINISHED", "pruned": "FINISHED", "diverged": "FAILED"}
"""MLflow's word for how a run ended."""


class MLflow(AbstractTracker):
    """A run of the experiment `rnnsweep` in MLFLOW_TRACKING_URI, else in a database in `<run>/mlflow`."""

    name = "mlflow"

    def open(self, member: Member, heard: Heard) -> Any:
        # MLflow waits many minutes for a server that does not answer
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it logs each step of making a database
        folder = (member.store.path / "mlflow").resolve()
        if "MLFLOW_TRACKING_URI" not in os.environ:
            folder.mkdir(exist_ok=True)
        with locks.alone(member.store.path.parent / ".mlflow.lock"):  # the first worker makes the database's tables
            client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db"))
            if not self._continued(client, heard):
                heard.id = client.create_run(self._experiment(client), run_name=member.run).info.run_id
                heard.steps = {}
        return client, heard.id

    def _continued(self, client: Any, heard: Heard) -> bool:
        """Whether the run is there to be continued: the server may be another one now."""
        if heard.id is None:
            return False
        try:
            client.get_run(heard.id)
        except Exception:  # a server that is away is told by the next call
            return False
        client.update_run(heard.id, status="RUNNING")
        return True

    def _experiment(self, client: Any) -> str:
        try:
            return self._found_or_made(client)
        except Exception:  # another study made it at the same time; then it is there
            time.sleep(1)
            return self._found_or_made(client)

    def _found_or_made(self, client: Any) -> str:
        known = client.get_experiment_by_name("rnnsweep")
        return str(known.experiment_id if known else client.create_experiment("rnnsweep"))

    def write(self, handle: Any, step: int, metrics: dict[str, float]) -> None:
        client, run = handle
        for name, value in metrics.items():
            client.log_metric(run, name, value, step=step)

    def close(self, log: Log) -> None:
        client, run = log.handle
        client.set_terminated(run, STATUS[log.member.status])
