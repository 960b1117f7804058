"""The copy memory problem of Hochreiter and Schmidhuber (1997), as Arjovsky et al. (2016) set it."""

import dataclasses
import functools
import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.data.sequences import distinct
from rnnsweep.errors import ConfigError
from rnnsweep.kernels.dense import cross_entropy
from rnnsweep.kernels.members import total
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks import new_data
from rnnsweep.tasks.examples import DrawnTask
from rnnsweep.types import Batch, Count, Metric, Metrics, Split, State, Summary

SYMBOLS, REMEMBERED = 8, 10
BLANK, RECALL = 8, 9


@dataclasses.dataclass(kw_only=True, eq=False)
class CopyMemory(DrawnTask):
    """Ten symbols of eight, `seq_len` blanks with a sign at their end, then the ten symbols are to be written.

    An answer is wanted at each of the seq_len + 20 steps (blanks at first); the loss in nats is the mean over them. A
    model without memory reaches 10 ln 8 / (seq_len + 20), recorded as `memoryless`; `recall` is the share of right
    symbols.
    """

    metric: ClassVar[Metric] = Metric("recall", "share", "max")

    seq_len: Count = 100
    """Steps over which to remember (T)."""
    embedding_size: Count = 32
    """Features of an embedded symbol."""

    @property
    def memoryless(self) -> float:
        """The loss of a model that remembers nothing and knows where the blanks are."""
        return REMEMBERED * math.log(SYMBOLS) / (self.seq_len + 2 * REMEMBERED)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (
            Metric("loss", "nats", "min", self.memoryless),
            Metric("recall", "share", "max", 1 / SYMBOLS),
            Metric("memoryless", "nats", None),
        )

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        symbols, _ = distinct(self.total, REMEMBERED, REMEMBERED, SYMBOLS, self.seed)
        return {split: self.sequences(part) for split, part in self.split(symbols).items()}

    def sequences(self, symbols: Tensor) -> Batch:
        """The inputs and the targets, from the symbols to remember (count, 10)."""
        count, steps = len(symbols), self.seq_len + 2 * REMEMBERED
        inputs, targets = torch.full((count, steps), BLANK), torch.full((count, steps), BLANK)
        inputs[:, :REMEMBERED] = symbols
        inputs[:, -REMEMBERED - 1] = RECALL
        targets[:, -REMEMBERED:] = symbols
        return {"inputs": inputs, "targets": targets, "lengths": torch.full((count,), steps)}

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        return ManyToMany(TokenEmbedding(SYMBOLS + 2, self.embedding_size), cell, outputs=SYMBOLS + 1)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        targets = batch["targets"]
        scores, _ = model(batch["inputs"])
        loss, count = total(cross_entropy(scores, targets)), total(torch.ones_like(scores[..., 0]))
        asked = targets[..., -REMEMBERED:]
        right = total(scores[..., -REMEMBERED:, :].argmax(-1) == asked)
        return loss / count, {"loss": (loss.detach(), count), "recall": (right, total(torch.ones_like(asked)))}, ()

    def derive(self, means: dict[str, float]) -> dict[str, float]:
        return means | {"memoryless": self.memoryless}

    @torch.no_grad()
    def predict(self, model: nn.Module, examples: list[Any]) -> list[list[int]]:
        """The ten symbols that the model writes for each example."""
        symbols = new_data.symbols(examples, SYMBOLS)
        if not bool((symbols["lengths"] == REMEMBERED).all()):
            raise ConfigError(new_data.KEY, f"expected {REMEMBERED} symbols in each example")
        inputs = self.sequences(symbols["inputs"])["inputs"]
        answers: list[list[int]] = model(inputs)[0][:, -REMEMBERED:].argmax(2).tolist()
        return answers

    @torch.no_grad()
    def summary(self, model: nn.Module) -> Summary:
        """What the model recalls of the first test sequences."""
        device = next(model.parameters()).device
        inputs, targets = (self.data["test"][name][:10] for name in ("inputs", "targets"))
        answers = model(inputs.to(device))[0][:, -REMEMBERED:].argmax(2)
        rows = zip(targets[:, -REMEMBERED:].tolist(), answers.tolist(), strict=True)
        return Summary({"examples": [{"target": _digits(t), "answer": _digits(a)} for t, a in rows]})


def _digits(symbols: list[int]) -> str:
    return "".join("-" if symbol == BLANK else str(symbol) for symbol in symbols)
