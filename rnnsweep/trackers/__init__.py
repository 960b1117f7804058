"""The same numbers in TensorBoard, MLflow or Weights & Biases. The run's files remain the reference.

Each comes with an extra (`pip install 'rnnsweep[tensorboard]'`, `[mlflow]`, `[wandb]`) and is imported when it is used.
Nothing is sent anywhere: MLflow and W&B write into the run's directory unless the environment names a server.
A run that continues after an interruption continues in its tracker, too. A tracker that fails is left out, with a
message.
"""

import importlib.util
import sys
from typing import Any

from rnnsweep.errors import ConfigError
from rnnsweep.observers import Careful, Together
from rnnsweep.own import made
from rnnsweep.trackers.base import Tracker
from rnnsweep.trackers.mlflow import MLflow
from rnnsweep.trackers.tensorboard import TensorBoard
from rnnsweep.trackers.wandb import WandB
from rnnsweep.train import Observer

KINDS = (TensorBoard, MLflow, WandB)


def tracked(observer: Observer, tracker: Tracker | dict[str, Any] | None) -> Observer:
    """The observer, together with the tracker if there is one.

    Args:
        observer: is told of each step and row.
        tracker: one of these by name, or a class of the user's with its settings.

    Raises:
        ConfigError: the tracker's package is not installed, or the constructor of the user's class failed.
    """
    if tracker is None:
        return observer
    if isinstance(tracker, dict):
        return Together(observer, Careful(f"train.tracker={tracker['_target_']}", made("train.tracker", tracker)))
    check(tracker)
    (kind,) = (kind for kind in KINDS if kind.name == tracker)
    return Together(observer, Careful(f"train.tracker={tracker}", kind()))


def check(tracker: object) -> None:
    """Checks that the package of one of these trackers is installed, without importing it.

    Raises:
        ConfigError: it is not installed.
    """
    if any(kind.name == tracker for kind in KINDS) and not _installed(str(tracker)):
        raise ConfigError("train.tracker", f"{tracker} is not installed; pip install 'rnnsweep[{tracker}]'")


def _installed(package: str) -> bool:
    if package in sys.modules:
        return sys.modules[package] is not None
    found = importlib.util.find_spec(package)
    return found is not None and found.origin is not None  # a folder of that name, such as W&B's output, is no package
