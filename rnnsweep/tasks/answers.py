"""Tasks that ask within one sequence: the answers are symbols at some of its steps, and nothing else counts."""

import abc
import dataclasses
import math
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.kernels.dense import cross_entropy
from rnnsweep.kernels.members import total
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks import new_data
from rnnsweep.tasks.examples import DrawnTask
from rnnsweep.types import Batch, Count, Metric, Metrics, State, Summary

BLANK = 0
"""In the targets: no answer is wanted at this step."""


@dataclasses.dataclass(kw_only=True, eq=False)
class AnswerTask(DrawnTask):
    """Loss in nats an answer; `accuracy` is the share of right answers, `exact` that of sequences without a mistake.

    A batch has `inputs` and `targets` (batch, time), BLANK where nothing is asked, and `lengths`.
    """

    metric: ClassVar[Metric] = Metric("accuracy", "share", "max")

    embedding_size: Count = 64
    """Features of an embedded symbol."""

    @property
    def equally_likely(self) -> int | None:
        """How many answers are equally likely before anything is read; None: not known."""
        return None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        many = self.equally_likely
        loss, right = (math.log(many), 1 / many) if many else (None, None)
        return (
            Metric("loss", "nats", "min", loss),
            Metric("accuracy", "share", "max", right),
            Metric("exact", "share", "max"),
        )

    @property
    @abc.abstractmethod
    def symbol_count(self) -> int:
        """Symbols that are read and answered, BLANK included."""

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        return ManyToMany(TokenEmbedding(self.symbol_count, self.embedding_size), cell, outputs=self.symbol_count)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        targets = batch["targets"]
        scores, _ = model(batch["inputs"])
        asked = targets != BLANK
        each = cross_entropy(scores, targets)
        loss, count = total(each * asked), total(asked).to(each)
        right = (scores.argmax(-1) == targets) | ~asked
        metrics = {
            "loss": (loss.detach(), count),
            "accuracy": (total(right & asked), count),
            "exact": (total(right.all(-1)), total(torch.ones_like(targets[..., 0]))),
        }
        return loss / count, metrics, ()

    @torch.no_grad()
    def predict(self, model: nn.Module, examples: list[Any]) -> list[list[int]]:
        """The symbol that the model answers at each step of each sequence of symbols."""
        batch = new_data.symbols(examples, self.symbol_count)
        answers = model(batch["inputs"])[0].argmax(2).tolist()
        return [answer[:length] for answer, length in zip(answers, batch["lengths"].tolist(), strict=True)]

    def summary(self, model: nn.Module) -> Summary:
        """What the model answers in the first test sequences beside the truth."""
        rows = zip(*self.answers(model, 10), strict=True)
        shown = [{"target": target[asked].tolist(), "answer": answer[asked].tolist()} for target, answer, asked in rows]
        return Summary({"examples": shown})

    @torch.no_grad()
    def answers(
        self, model: nn.Module, count: int
    ) -> tuple[Int[Tensor, "n t"], Int[Tensor, "n t"], Bool[Tensor, "n t"]]:
        """The first test sequences' targets, what the model answers, and where an answer is asked."""
        device = next(model.parameters()).device
        inputs, targets = (self.data["test"][name][:count] for name in ("inputs", "targets"))
        return targets, model(inputs.to(device))[0].argmax(2).cpu(), targets != BLANK
