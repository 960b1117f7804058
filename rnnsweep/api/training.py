"""`rnnsweep.train`: a run from Python, as the command trains it."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rnnsweep.api.bar import RunBar, is_notebook
from rnnsweep.api.compose import composed
from rnnsweep.api.overrides import Overrides
from rnnsweep.api.trained import Trained, load
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import Interrupted
from rnnsweep.naming import named
from rnnsweep.observers import Careful, Together
from rnnsweep.progress import observer
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.report.results import curves
from rnnsweep.single import train as train_single
from rnnsweep.train import Member, Observer
from rnnsweep.types import Split

Callback = Callable[[dict[str, Any]], object]
"""Gets each row as it is logged: `run`, `step`, `split` (train, val or test) and the metrics by name."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that is over: what its directory holds."""

    path: Path
    """The run's directory."""

    @property
    def id(self) -> str:
        """Its name."""
        return self.path.name

    @property
    def record(self) -> RunRecord:
        """The outcome, as in `record.json`."""
        record = RunStore(self.path).record()
        if record is None:
            raise ConfigError(str(self.path), "the run has no record: it is not over, or its files are gone")
        return record

    @property
    def status(self) -> str:
        """`complete`, `diverged`, `failed` or `pruned`."""
        return self.record.status

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics of the weights with the lowest validation loss, as in `test/loss`; `step`: when they were."""
        return self.record.best

    @property
    def config(self) -> Config:
        """All settings, by group."""
        return self.record.config

    def curves(self, split: str | None = None, metric: str | None = None) -> pd.DataFrame:
        """What was logged on the way, in long form: `step`, `split`, `metric` and `value`.

        Args:
            split: `train`, `val` or `test`; None: all.
            metric: such as `loss`; None: all.
        """
        return curves([str(self.path)], split, metric).drop(columns="run")

    def load(self) -> Trained:
        """The trained model, as `rnnsweep.load` gives it."""
        return load(self.path)

    def __fspath__(self) -> str:
        return str(self.path)


def train(*overrides: Overrides, callbacks: Sequence[Callback] = ()) -> Run:
    """Trains a run as `python -m rnnsweep` does. An interrupted run continues; a finished one stays as it is.

    Args:
        overrides: as on the command line, such as "task=parity"; or dictionaries of settings.
        callbacks: each is called with every row that is logged. An error in one stops the training, which the same call
            then continues.

    Returns:
        The run, with its record, its curves and its model.

    Raises:
        ConfigError: a setting or its value is wrong, an override cannot be read, or a group has no such choice.

    Example:
        >>> run = rnnsweep.train({"task": "parity", "cell": "lstm", "train": {"steps": 300}}, callbacks=[print])
        >>> run.metrics["test/accuracy"], run.path
    """
    run = composed(*overrides)
    out = Path(run.config["out"])
    run = named(run, out)
    store = RunStore(out / run.id)
    heard = _Heard(callbacks)
    shown = RunBar() if run.train.progress and is_notebook() else observer(run.train.progress)
    try:
        train_single(run, store, Together(Careful("the progress display", shown), heard))
    except Interrupted:
        if heard.error is not None:
            raise heard.error from None
        raise
    return Run(store.path)


class _Heard(Observer):
    """Calls the callbacks. The first error of one is kept, and stops the training as a signal does."""

    def __init__(self, callbacks: Sequence[Callback]):
        self.callbacks = callbacks
        self.error: Exception | None = None

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        for callback in self.callbacks:
            try:
                callback({"run": member.run, "step": step, "split": split, **metrics})
            except Exception as error:
                self.error = error
                raise Interrupted(0) from error
