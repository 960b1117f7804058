"""What a task is."""

import abc
import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.errors import ConfigError
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks import repeats
from rnnsweep.tasks.repeats import Digests
from rnnsweep.types import EXECUTION, GENERAL, HELD_OUT, LATER, Batch, Metric, Metrics, Split, State, Summary

DIVERGED = 1e6
"""A loss this many times the first one is a divergence, like a loss that is not finite: tanh cells overflow slowly."""


@dataclasses.dataclass(kw_only=True, eq=False)
class AbstractTask(abc.ABC):
    """What is learned: data, topology, loss, metric; nothing about how it is learned.

    A task is made from `(seed, batch_size)`, which the program supplies, and its settings, which are the keywords
    of its constructor. Making one is cheap; data are read or generated on first use.
    """

    metric: ClassVar[Metric]
    """What it is judged by."""

    seed: int = dataclasses.field(kw_only=False)
    """Of all its randomness."""
    batch_size: int = dataclasses.field(kw_only=False)
    """Examples, or streams, of a training batch."""
    checked_unit: ClassVar[str] = "examples"
    """What `check` compares."""
    check: Annotated[bool, EXECUTION, LATER] = False
    """Refuse data in which an example of the validation or of the test occurs in the training part, too."""

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
        """SHA-256 of the files that the data are read from; empty if the settings and the seed determine the data."""
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
        """Makes a model; its initial weights come from torch's global generator.

        Args:
            cell: makes a cell from the number of its input features.
            pooling: makes a pooling over time from the number of hidden features.
        """

    @abc.abstractmethod
    def batch(self, step: int) -> Batch:
        """The training batch of one optimizer step: a function of the seed and the step alone.

        Args:
            step: the number of the step, from 0.

        Returns:
            Tensors by name, each (batch, ...).
        """

    def keep_on(self, device: torch.device) -> None:  # noqa: B027  a task may leave its data where they are
        """Keeps the training data on a device: `batch` then makes its batches there.

        It is called before the training. A task without this method makes its batches on the CPU, and each is copied.

        Args:
            device: where the model trains.
        """

    @abc.abstractmethod
    def evaluation(self, split: Split) -> Iterator[Batch]:
        """The batches of a split: all of it, once and in order.

        Args:
            split: `train`, `val` or `test`.

        Yields:
            Batches as `batch` makes them, of any size; none where the split is empty.
        """

    def digests(self, split: Split) -> Digests:
        """A number for each example of a split, by which `check` compares them. Equal examples have equal numbers."""
        return np.concatenate([np.empty(0, np.uint64), *map(repeats.of_batch, self.evaluation(split))])

    def refuse_repeats(self) -> None:
        """Refuses data in which an example of the validation or of the test occurs in the training part, too.

        Raises:
            ConfigError: it says how many, and names one.
        """
        train = self.digests("train")
        for split in HELD_OUT:
            repeats.refuse(train, self.digests(split), split, self.checked_unit)

    @abc.abstractmethod
    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, ""], Metrics, State]:
        """The loss of one batch.

        It is a pure function, so that a stack may run it under torch.vmap: everything random is in `batch` already.

        Args:
            model: from `build`.
            batch: from `batch` or `evaluation`.
            state: the cell's state before the batch; empty: the sequences start here.

        Returns:
            The loss to minimise, a mean in the unit of the metric `loss`; the metrics, each as (sum, count); and the
            state for the next batch, or an empty one.
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
        """Adds metrics that follow from the means, such as the perplexity.

        Args:
            means: of the metrics that `loss` returns, by name.

        Returns:
            All metrics of a row, by name.
        """
        return means

    def summary(self, model: nn.Module) -> Summary:
        """What a person looks at: samples, predictions, a confusion matrix.

        Args:
            model: the trained model, in evaluation mode.

        Returns:
            Plain data for the record, a page of Markdown, and metrics that only the finished model has.
        """
        return Summary({})

    def takes_snapshot(self, step: int) -> bool:
        """Whether to take a snapshot of the model at this step. Asked before training (step 0) and at validations."""
        return False

    def snapshot(self, model: nn.Module) -> dict[str, Any]:
        """What to record of the model during training.

        Args:
            model: as it is now, in evaluation mode.

        Returns:
            Plain data by name: numbers, texts and lists of them.
        """
        return {}

    def with_snapshots(self, shown: Summary, snapshots: list[dict[str, Any]]) -> Summary:
        """The summary of the trained model, together with its snapshots.

        Args:
            shown: what `summary` returned.
            snapshots: what `snapshot` returned in training, each with its `step` and `epoch`.

        Returns:
            The summary for the record.
        """
        return shown

    def predict(self, model: nn.Module, examples: list[Any]) -> list[Any]:
        """The trained model's answers for new examples; training and the report do not need it.

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
        """What a saved model needs of the data when they are not there, such as the vocabulary."""
        return {}

    def adopt(self, assets: dict[str, Any]) -> None:  # noqa: B027  most tasks have none
        """Takes the assets of a saved model in place of the data's own.

        Args:
            assets: what `assets` returned when the model was saved.
        """


def declared(task: AbstractTask, own: Iterable[Metric] = ()) -> dict[str, Metric]:
    """The declarations by name. If two share a name, the task's own counts.

    Args:
        task: declares its metrics.
        own: the declarations of the user's metrics.
    """
    return {metric.name: metric for metric in (*GENERAL, *own, task.metric, *task.metrics)}
