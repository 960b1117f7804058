"""The same numbers in TensorBoard, MLflow or Weights & Biases, for who watches runs there. The files stay the truth.

Each comes with an extra (`pip install 'rnnsweep[tensorboard]'`, `[mlflow]`, `[wandb]`) and is imported when it is used.
Nothing is sent anywhere: MLflow and W&B write into the run's directory unless the environment names a server.
A run that goes on after an interruption goes on in its tracker, too. A tracker that fails is told and left out.
"""

import importlib.util
import sys

from rnnsweep.errors import ConfigError
from rnnsweep.observers import Careful, Together
from rnnsweep.trackers.base import Tracker
from rnnsweep.trackers.mlflow import MLflow
from rnnsweep.trackers.tensorboard import TensorBoard
from rnnsweep.trackers.wandb import WandB
from rnnsweep.train import Observer

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
