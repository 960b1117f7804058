"""Regression from sequences of numbers: what the tasks with one number a sequence share."""

import abc
import dataclasses
import functools
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep import rng
from rnnsweep.cells.base import CellFactory
from rnnsweep.errors import ConfigError
from rnnsweep.kernels.members import total
from rnnsweep.models.embedding import Features
from rnnsweep.models.many_to_one import ManyToOne
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks import chance, new_data
from rnnsweep.tasks.examples import DrawnTask
from rnnsweep.tasks.predictions import PredictionTask
from rnnsweep.types import Batch, Metric, Metrics, Split, State


@dataclasses.dataclass(kw_only=True, eq=False)
class RegressionTask(PredictionTask):
    """Predict one number from each sequence of numbers; the loss is the mean squared error."""

    metric: ClassVar[Metric] = Metric("loss", "MSE", "min")

    features: ClassVar[int]
    """Numbers of one step."""

    @functools.cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return (chance.squared(self.data["train"]["targets"]),)

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        return ManyToOne(Features(self.features), cell, pooling, outputs=1)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        answers, targets = self.numbers(model, batch), batch["targets"]
        if targets.shape != answers.shape:  # (batch, 1) would be compared with all answers of the batch
            problem = f"a batch has targets of the shape {tuple(targets.shape)}"
            raise ConfigError("task", f"{problem}; expected one number a sequence, {tuple(answers.shape)}")
        loss, count = total((answers - targets).square()), total(torch.ones_like(answers))
        return loss / count, {"loss": (loss.detach(), count)}, ()

    @torch.no_grad()
    def predict(self, model: nn.Module, examples: list[Any]) -> list[float]:
        """The number that follows from each sequence."""
        return self.numbers(model, new_data.numbers(examples, self.features)).tolist()

    def numbers(self, model: nn.Module, batch: Batch) -> Float[Tensor, "*batch"]:
        answers: Tensor = model(batch["inputs"], batch["lengths"])
        return answers.squeeze(-1)


@dataclasses.dataclass(kw_only=True, eq=False)
class DrawnRegression(DrawnTask, RegressionTask):
    """Regression from sequences that are drawn at random: no two are alike."""

    @abc.abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`count` sequences (count, time, features), and what to predict (count,)."""

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        return {split: self._examples(split, count) for split, count in self.sizes.items()}

    def _examples(self, split: Split, count: int) -> Batch:
        inputs, targets = self.draw(count, rng.generator(self.seed, "data", split))
        if inputs.dim() != 3 or targets.shape != (count,) or (len(inputs), inputs.shape[2]) != (count, self.features):
            problem = (
                f"`draw({count}, ...)` returned tensors of the shapes {tuple(inputs.shape)} {tuple(targets.shape)}"
            )
            raise ConfigError("task", f"{problem}; expected ({count}, time, {self.features}) and ({count},)")
        return {"inputs": inputs, "lengths": torch.full((count,), inputs.shape[1]), "targets": targets}
