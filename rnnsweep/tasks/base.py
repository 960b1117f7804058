"""What a task is."""

import abc
import dataclasses
import math
from collections.abc import Iterator
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.errors import ConfigError
from rnnsweep.pooling import PoolingFactory
from rnnsweep.types import GENERAL, Batch, Metric, Metrics, Split, State, Summary

DIVERGED = 1e6
"""A loss this many times the first one is a divergence, as one that is not finite is: tanh cells overflow slowly."""


@dataclasses.dataclass(kw_only=True, eq=False)
class AbstractTask(abc.ABC):
    """What is learned: data, topology, loss, metric. Nothing about how.

    A task is made from `(seed, batch_size)`, which the program supplies, and its settings, which are the keywords
    of its constructor. Making one is cheap; data are read or generated on first use.
    """

    metric: ClassVar[Metric]
    """What it is judged by."""

    seed: int = dataclasses.field(kw_only=False)
    batch_size: int = dataclasses.field(kw_only=False)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The declaration of each metric in its rows and its summary. May read the data, for chance levels."""
        return (self.metric,)

    @property
    @abc.abstractmethod
    def data_hash(self) -> str:
        """SHA-256 of the data: of the file's content, or of what was generated."""

    @property
    def source_hash(self) -> str:
        """SHA-256 of the files that the data are read from; empty where the settings and the seed say all."""
        return ""

    @property
    @abc.abstractmethod
    def steps_per_epoch(self) -> int:
        """Training batches in one pass over the training data.

        Raises:
            ConfigError: the data do not fill one batch.
        """

    @abc.abstractmethod
    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        """A fresh model; its initial weights come from torch's global generator."""

    @abc.abstractmethod
    def batch(self, step: int) -> Batch:
        """The training batch of optimizer step `step`, from 0: a function of (seed, step) alone."""

    @abc.abstractmethod
    def evaluation(self, split: Split) -> Iterator[Batch]:
        """All of a split, once and in order; nothing where the split is empty."""

    @abc.abstractmethod
    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, ""], Metrics, State]:
        """The loss to descend, the metrics of the batch, and the state to carry into the next (or empty).

        Pure: everything random is in `batch` already, so that a stack may run it under torch.vmap.
        """

    def begins(self, step: int) -> bool:
        """Whether training step `step` starts from the initial state and not from the one before it."""
        return True

    def diverged(self, loss: float, first: float) -> bool:
        """Whether a mean loss is a divergence: the run ends then.

        The bound is relative, since a loss can have any unit. A task with a bound of its own says so here.

        Args:
            loss: the mean over the steps of a train row, or over the validation.
            first: the loss of the first training step.
        """
        return not (math.isfinite(loss) and abs(loss) < DIVERGED * (abs(first) or 1.0))

    def derive(self, means: dict[str, float]) -> dict[str, float]:
        """The means of `loss`'s metrics with what follows from them, such as the perplexity."""
        return means

    def summary(self, model: nn.Module) -> Summary:
        """What a person looks at: samples, predictions, confusions.

        Args:
            model: the trained model, in evaluation mode.
        """
        return Summary({})

    def takes_snapshot(self, step: int) -> bool:
        """Whether to take a snapshot of the model at this step. Asked before training (step 0) and at validations."""
        return False

    def snapshot(self, model: nn.Module) -> dict[str, Any]:
        """What to record of the model in the midst of training.

        Args:
            model: as it is now, in evaluation mode.

        Returns:
            Plain data by name: numbers, texts and lists of them.
        """
        return {}

    def with_snapshots(self, shown: Summary, snapshots: list[dict[str, Any]]) -> Summary:
        """The summary of the trained model with what its snapshots add.

        Args:
            shown: what `summary` returned.
            snapshots: what `snapshot` returned in training, each with its `step` and `epoch`.
        """
        return shown

    def predict(self, model: nn.Module, examples: list[Any]) -> list[Any]:
        """What a trained model says of new examples; the tests and the report do not need it.

        Args:
            model: in evaluation mode.
            examples: as a person has them, such as texts, or series in their own unit.

        Returns:
            An answer for each example.

        Raises:
            ConfigError: an example is not one of this task, or the task has no such method.
        """
        problem = f"{type(self).__name__} has no method `predict(model, examples)`, which says what new examples give"
        raise ConfigError("task", problem)

    def assets(self) -> dict[str, Any]:
        """What a saved model needs from the data to be used without them, such as the vocabulary."""
        return {}

    def adopt(self, assets: dict[str, Any]) -> None:  # noqa: B027  most tasks have none
        """Takes the assets of a saved model in place of the data's own."""


def declared(task: AbstractTask) -> dict[str, Metric]:
    """The declarations by name. Of two that share a name the task's own counts."""
    return {metric.name: metric for metric in (*GENERAL, task.metric, *task.metrics)}
