"""How many ones does a binary sequence have?"""

import dataclasses
import functools
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.errors import ConfigError
from rnnsweep.kernels.dense import cross_entropy
from rnnsweep.kernels.members import total
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.many_to_one import ManyToOne
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks import chance, new_data
from rnnsweep.tasks.bits import BitsTask
from rnnsweep.tasks.predictions import PredictionTask
from rnnsweep.types import Batch, Count, Metric, Metrics, State, Summary


@dataclasses.dataclass(kw_only=True, eq=False)
class Counting(BitsTask, PredictionTask):
    """Say the number of ones: by regression (mean squared error) or as one of seq_len + 1 classes (nats).

    `accuracy` is the share of sequences whose answer, rounded, is right. By regression a model can count further than
    it was trained: the summary says how far.
    """

    metric: ClassVar[Metric] = Metric("accuracy", "share", "max")

    output: Literal["regression", "classification"] = "regression"
    """How the number is said."""
    test_lengths: list[Count] = dataclasses.field(default_factory=lambda: [20, 30, 40, 100])
    """Lengths at which the trained model is tested, by regression."""
    embedding_size: Count = 16
    """Features of an embedded bit."""

    @functools.cached_property
    def metrics(self) -> tuple[Metric, ...]:
        targets = self.data["train"]["targets"]
        loss, accuracy = chance.labelled(targets)
        return chance.squared(targets) if self.regression else loss, accuracy

    @property
    def regression(self) -> bool:
        return self.output == "regression"

    def sequences(self, bits: Int[Tensor, "batch time"], lengths: Int[Tensor, "batch"]) -> Batch:
        return {"inputs": bits, "lengths": lengths, "targets": bits.sum(1)}

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        outputs = 1 if self.regression else self.seq_len + 1
        return ManyToOne(TokenEmbedding(2, self.embedding_size), cell, pooling, outputs=outputs)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        targets, answers = batch["targets"], model(batch["inputs"], batch["lengths"])
        if self.regression:
            loss = total((answers.squeeze(-1) - targets).square())
        else:
            loss = total(cross_entropy(answers, targets))
        count = total(torch.ones_like(answers[..., 0]))
        right = total(self._said(answers) == targets)
        return loss / count, {"loss": (loss.detach(), count), "accuracy": (right, count)}, ()

    def _said(self, answers: Float[Tensor, "*batch outputs"]) -> Tensor:
        return answers.squeeze(-1).round() if self.regression else answers.argmax(-1)

    def answers(self, model: nn.Module, batch: Batch) -> Tensor:
        return self.numbers(model, batch).round()

    def numbers(self, model: nn.Module, batch: Batch) -> Tensor:
        answers: Tensor = model(batch["inputs"], batch["lengths"])
        return answers.squeeze(1) if self.regression else answers.argmax(1)

    def predict(self, model: nn.Module, examples: list[Any]) -> list[Any]:
        answers = super().predict(model, examples)
        for number, bits in enumerate(examples):
            if not self.regression and len(bits) > self.seq_len:
                problem = f"{new_data.named(number)} has {len(bits)} bits, and the classes end at {self.seq_len}"
                raise ConfigError(new_data.KEY, f"{problem}; train with `task.output=regression` to count further")
        return answers

    @torch.no_grad()
    def summary(self, model: nn.Module) -> Summary:
        """Answers beside the truth for test sequences; by regression, how often it is right on longer ones."""
        shown = super().summary(model)
        lengths = {"by_length": self.by_length(model)} if self.regression and self.test_lengths else {}
        return Summary(shown.data | lengths)
