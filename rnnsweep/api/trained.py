"""`rnnsweep.load`: a trained model with its task, to be used on new data."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from rnnsweep.api import modules, onnx, writing
from rnnsweep.config import Config, checked
from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.record import RunStore
from rnnsweep.run import saved
from rnnsweep.tasks import new_data
from rnnsweep.tasks.base import AbstractTask

AT_ONCE = 500
"""Examples of one call of the model."""


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model."""

    path: Path
    """The run's directory."""
    config: Config
    """All settings of the run, by group."""
    task: AbstractTask
    """What it was trained for; its data are read on first use, and most methods do not need them."""
    model: nn.Module
    """With the weights of the lowest validation loss, in evaluation mode."""

    def predict(self, examples: Iterable[Any]) -> list[Any]:
        """What the model says of new data.

        Args:
            examples: a list as the task reads it. Texts for `sentiment_class`, `names_class` and the tasks that write a
                text; sequences of numbers (time, features) for `series_class`, `seqmean` and the like; windows in their
                own unit for `forecast` and `sine`; bits for `parity` and `counting`; symbols for the tasks of symbols.

        Returns:
            One answer for each example: the name of a class, a number, an array of the horizon, a text; of a language
            model, the mean loss of each text in nats a symbol.

        Raises:
            ConfigError: an example is not one of this task; its number is said.
        """
        if isinstance(examples, str):
            raise ConfigError("the new data", f"expected a list of examples, got one text; use [{examples[:20]!r}]")
        every = list(examples)
        answers = []
        for start in range(0, max(1, len(every)), AT_ONCE):
            with new_data.numbered_from(start):
                answers += self.task.predict(self.model, every[start : start + AT_ONCE])
        return answers

    def generate(self, prompt: str | None = None, **how: Any) -> str:
        """What the model writes after a prompt; see `writing.Options` for the settings.

        Raises:
            ConfigError: the task writes nothing, the vocabulary lacks a symbol of the prompt, or a setting is wrong.

        Example:
            >>> rnnsweep.load("outputs/charlm-gru-s0-1a2b3c4d").generate("The ", length=200, temperature=0.5)
        """
        options = writing.Options(**checked(writing.Options, {"prompt": prompt, **how}, ""))
        return writing.written(self.task, self.model, options, str(self.path))

    def to_torch(self) -> dict[str, nn.Module]:
        """The recurrent cells as nn.RNN, nn.GRU or nn.LSTM with the same weights, by their names in the model.

        In evaluation mode their outputs are those of the cells, to rounding.

        Raises:
            ConfigError: a cell is none of the three; the reason is said.
        """
        return modules.of(self.model, str(self.config["choices"]["cell"]))

    def to_onnx(self, path: str | os.PathLike[str]) -> Path:
        """Writes the whole model as an ONNX file, which programs without torch can run.

        Raises:
            ConfigError: the package `onnx` or `onnxscript` is missing, or torch cannot export this model.
        """
        return onnx.write(self.task, self.model, Path(path))


def load(run: str | os.PathLike[str]) -> Trained:
    """The model of a run's directory with its best weights, and its task.

    Args:
        run: the directory, or what `rnnsweep.train` returned.

    Raises:
        ConfigError: the directory holds no run, or no checkpoint of it.

    Example:
        >>> trained = rnnsweep.load("outputs/sentiment_class-gru-s0-1a2b3c4d")
        >>> trained.predict(["what a lovely film", "not good at all"])
    """
    path = Path(run)
    identity, model = saved(path)
    record = RunStore(path).record()
    if record is None or record.status != "complete":
        how = "is not over" if record is None else f"is {record.status}"
        tell_once(f"{path}: the run {how}; these are its best weights so far")
    return Trained(path, identity.config, identity.task, model)
