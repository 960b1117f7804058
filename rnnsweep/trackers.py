"""The same numbers in TensorBoard, MLflow or Weights & Biases, for who watches runs there. The files stay the truth.

Each comes with an extra (`pip install 'rnnsweep[tensorboard]'`, `[mlflow]`, `[wandb]`) and is imported when it is used.
Nothing is sent anywhere: MLflow and W&B write into the run's directory unless the environment names a server.
"""

import abc
import os
from typing import Any, Literal

from rnnsweep.errors import ConfigError
from rnnsweep.train import Member, Observer
from rnnsweep.types import Split

Tracker = Literal["tensorboard", "mlflow", "wandb"]


class AbstractTracker(Observer, abc.ABC):
    """Logs every row of every member under the run's own name, as `val/loss` at its step."""

    def __init__(self) -> None:
        self.logs: dict[str, Any] = {}

    @abc.abstractmethod
    def open(self, member: Member, step: int) -> Any:
        """The log of one run, about to hear of `step`."""

    @abc.abstractmethod
    def write(self, log: Any, step: int, metrics: dict[str, float]) -> None: ...

    @abc.abstractmethod
    def close(self, log: Any) -> None: ...

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        if member.run not in self.logs:
            self.logs[member.run] = self.open(member, step)
        self.write(self.logs[member.run], step, {f"{split}/{name}": value for name, value in metrics.items()})

    def ended(self) -> None:
        for log in self.logs.values():
            self.close(log)
        self.logs = {}


class TensorBoard(AbstractTracker):
    """Event files in `<run>/tensorboard`."""

    def open(self, member: Member, step: int) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        # what an earlier process logged beyond its checkpoint is taken back
        return SummaryWriter(str(member.store.path / "tensorboard"), purge_step=step)

    def write(self, log: Any, step: int, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            log.add_scalar(name, value, step)

    def close(self, log: Any) -> None:
        log.close()


class MLflow(AbstractTracker):
    """A run of the experiment `rnnsweep` in MLFLOW_TRACKING_URI, else in a database in `<run>/mlflow`."""

    def open(self, member: Member, step: int) -> Any:
        from mlflow.tracking import MlflowClient

        folder = (member.store.path / "mlflow").resolve()
        if "MLFLOW_TRACKING_URI" not in os.environ:
            folder.mkdir(exist_ok=True)
        client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db"))
        known = client.get_experiment_by_name("rnnsweep")
        experiment = known.experiment_id if known else client.create_experiment("rnnsweep")
        return client, client.create_run(experiment, run_name=member.run).info.run_id

    def write(self, log: Any, step: int, metrics: dict[str, float]) -> None:
        client, run = log
        for name, value in metrics.items():
            client.log_metric(run, name, value, step=step)

    def close(self, log: Any) -> None:
        client, run = log
        client.set_terminated(run)


class WandB(AbstractTracker):
    """A run of the project `rnnsweep`, offline in `<run>/wandb` unless WANDB_MODE says otherwise."""

    def open(self, member: Member, step: int) -> Any:
        import wandb

        mode: Any = os.environ.get("WANDB_MODE", "offline")
        settings = wandb.Settings(silent=True)
        name, folder = member.run, str(member.store.path)
        return wandb.init(project="rnnsweep", name=name, dir=folder, mode=mode, reinit="create_new", settings=settings)

    def write(self, log: Any, step: int, metrics: dict[str, float]) -> None:
        log.log(metrics | {"step": step})

    def close(self, log: Any) -> None:
        log.finish()


class Together(Observer):
    """Several observers that hear the same."""

    def __init__(self, *observers: Observer):
        self.observers = observers

    def started(self, step: int, steps: int) -> None:
        for observer in self.observers:
            observer.started(step, steps)

    def stepped(self, step: int) -> None:
        for observer in self.observers:
            observer.stepped(step)

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        for observer in self.observers:
            observer.logged(member, step, split, metrics)

    def ended(self) -> None:
        for observer in self.observers:
            observer.ended()


def tracked(observer: Observer, tracker: Tracker | None) -> Observer:
    """The observer, and beside it the tracker where one is asked for.

    Raises:
        ConfigError: the tracker's package is not installed.
    """
    if tracker is None:
        return observer
    try:
        __import__(tracker)
    except ImportError:
        problem = f"{tracker} is not installed; pip install 'rnnsweep[{tracker}]'"
        raise ConfigError("train.tracker", problem) from None
    kinds: dict[str, type[TensorBoard | MLflow | WandB]] = {
        "tensorboard": TensorBoard,
        "mlflow": MLflow,
        "wandb": WandB,
    }
    return Together(observer, kinds[tracker]())
