"""Metrics of a user's own, beside those of the task: `train.metrics`."""

import abc
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.errors import ConfigError
from rnnsweep.own import telling
from rnnsweep.types import Batch, Metric, Metrics, State

Loss = Callable[[nn.Module, Batch, State], tuple[Float[Tensor, ""], Metrics, State]]
"""What `AbstractTask.loss` is."""


class AbstractMetric(abc.ABC):
    """A metric of your own, computed at each validation and on the test part.

    Its settings are the keywords of its constructor.
    """

    unit: ClassVar[str] = ""
    direction: ClassVar[Literal["min", "max"] | None] = None
    """Which way is better; None: nothing is compared by it."""
    chance: ClassVar[float | None] = None
    """What the best constant answer reaches; None: not known."""

    @abc.abstractmethod
    def measure(self, model: nn.Module, batch: Batch, state: State) -> tuple[Tensor, Tensor | int]:
        """Its sum over a batch, and over how many it is summed: the metric is the mean over all batches.

        It is a pure function of tensors, without `.item()`, so that a stack may run it under torch.vmap.

        Args:
            model: the task's, in evaluation mode. It is called as in the `loss` of the task.
            batch: a batch of the task.
            state: the cell's state before the batch, as the `loss` of the task gets it.

        Returns:
            The sum, and the count.
        """


def declarations(own: Mapping[str, AbstractMetric]) -> list[Metric]:
    """What the metrics say of themselves, under the names that the user gave to them."""
    return [Metric(name, metric.unit, metric.direction, metric.chance) for name, metric in own.items()]


def with_own(loss: Loss, own: Mapping[str, AbstractMetric]) -> Loss:
    """A task's loss that has the user's metrics beside the task's.

    Raises:
        ConfigError: when it is called: a metric failed, or did not return a sum and a count.
    """

    def measured(model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, ""], Metrics, State]:
        value, metrics, after = loss(model, batch, state)
        found = {name: _measured(name, metric, model, batch, state) for name, metric in own.items()}
        if twice := sorted(metrics.keys() & found.keys()):
            raise ConfigError(f"train.metrics.{twice[0]}", "the task has a metric of this name; give yours another one")
        return value, metrics | found, after

    return measured if own else loss


def _measured(name: str, metric: AbstractMetric, model: nn.Module, batch: Batch, state: State) -> tuple[Tensor, Tensor]:
    key, path = f"train.metrics.{name}", f"{type(metric).__module__}.{type(metric).__qualname__}.measure"
    with telling(key, path):
        found = metric.measure(model, batch, state)
    match found:
        case (Tensor(), Tensor() | int()) if found[0].ndim == 0:
            return found[0], torch.as_tensor(found[1])
    returned = ", ".join(map(_kind, found)) if isinstance(found, tuple) else _kind(found)
    raise ConfigError(key, f"`{path}` returned {returned}; expected a sum, a tensor (), and a count")


def _kind(value: object) -> str:
    return f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
