"""The same numbers in TensorBoard, MLflow or Weights & Biases, for who watches runs there. The files stay the truth.

Each comes with an extra (`pip install 'rnnsweep[tensorboard]'`, `[mlflow]`, `[wandb]`) and is imported when it is used.
Nothing is sent anywhere: MLflow and W&B write into the run's directory unless the environment names a server.
A run that goes on after an interruption goes on in its tracker, too. A tracker that fails is told and left out.
"""

import abc
import dataclasses
import importlib.util
import json
import logging
import os
import sys
import time
import uuid
from typing import Any, ClassVar, Literal

from rnnsweep import files, locks
from rnnsweep.errors import ConfigError
from rnnsweep.observers import Careful, Together
from rnnsweep.train import Member, Observer
from rnnsweep.types import Split

Tracker = Literal["tensorboard", "mlflow", "wandb"]


@dataclasses.dataclass
class Heard:
    """What a tracker knows of a run, kept in the run's directory for the next process that trains it."""

    id: str | None = None
    """The tracker's own name of the run."""
    steps: dict[str, int] = dataclasses.field(default_factory=dict)
    """The last step of each split; a resume repeats some, with the same numbers."""


@dataclasses.dataclass
class Log:
    """One run in a tracker."""

    member: Member
    heard: Heard
    handle: Any
    """What the tracker's package knows it by."""


class AbstractTracker(Observer, abc.ABC):
    """Logs every row of every member under the run's own name, as `val/loss` at its step."""

    name: ClassVar[Tracker]

    def __init__(self) -> None:
        self.logs: dict[str, Log] = {}
        self.begun_at = 0

    @abc.abstractmethod
    def open(self, member: Member, heard: Heard) -> Any:
        """A run's log, continued where `heard` has an id; else `heard` is given one."""

    @abc.abstractmethod
    def write(self, handle: Any, step: int, metrics: dict[str, float]) -> None: ...

    @abc.abstractmethod
    def close(self, log: Log) -> None:
        """Ends a log; a member that is still `running` was interrupted."""

    def started(self, step: int, steps: int) -> None:
        self.begun_at = step

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        log = self.logs.get(member.run) or self._opened(member)
        log.member = member
        if step > log.heard.steps.get(split, -1):
            self.write(log.handle, step, {f"{split}/{name}": value for name, value in metrics.items()})
            log.heard.steps[split] = step
            if log.heard.id is not None:
                self._keep(log)

    def _opened(self, member: Member) -> Log:
        heard = files.read(member.store.path / f"{self.name}.json", Heard) or Heard()
        log = self.logs[member.run] = Log(member, heard, self.open(member, heard))
        return log

    def _keep(self, log: Log) -> None:
        log.member.store.write(f"{self.name}.json", json.dumps(dataclasses.asdict(log.heard)), synced=False)

    def ended(self) -> None:
        logs, self.logs = self.logs, {}
        for log in logs.values():
            self.close(log)


class TensorBoard(AbstractTracker):
    """Event files in `<run>/tensorboard`."""

    name = "tensorboard"

    def open(self, member: Member, heard: Heard) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        heard.steps = {}  # what an earlier process logged beyond its checkpoint is taken back, and comes again
        return SummaryWriter(str(member.store.path / "tensorboard"), purge_step=self.begun_at + 1)

    def write(self, handle: Any, step: int, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            handle.add_scalar(name, value, step)
        handle.flush()  # a kill takes no row that a checkpoint counts

    def close(self, log: Log) -> None:
        log.handle.close()


class MLflow(AbstractTracker):
    """A run of the experiment `rnnsweep` in MLFLOW_TRACKING_URI, else in a database in `<run>/mlflow`."""

    name = "mlflow"

    def open(self, member: Member, heard: Heard) -> Any:
        # MLflow's own patience with a server that is away is many minutes a call
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells how it makes a database
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
        client.set_terminated(run, "KILLED" if log.member.status == "running" else "FINISHED")


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
        log.handle.finish(exit_code=int(log.member.status == "running"))


KINDS = (TensorBoard, MLflow, WandB)


def tracked(observer: Observer, tracker: Tracker | None) -> Observer:
    """The observer, and beside it the tracker where one is asked for.

    Raises:
        ConfigError: the tracker's package is not installed.
    """
    if tracker is None:
        return observer
    check(tracker)
    (kind,) = (kind for kind in KINDS if kind.name == tracker)
    return Together(observer, Careful(f"train.tracker={tracker}", kind()))


def check(tracker: Tracker | None) -> None:
    """Looks for the tracker's package, without importing it.

    Raises:
        ConfigError: it is not installed.
    """
    if tracker is not None and not _installed(tracker):
        raise ConfigError("train.tracker", f"{tracker} is not installed; pip install 'rnnsweep[{tracker}]'")


def _installed(package: str) -> bool:
    if package in sys.modules:
        return sys.modules[package] is not None
    found = importlib.util.find_spec(package)
    return found is not None and found.origin is not None  # a mere folder of that name, as W&B's, is no package
