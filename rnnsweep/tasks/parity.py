"""Parity: the cumulative sum modulo 2 of a random binary sequence, the smallest task that needs a state."""

import dataclasses
import functools
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.kernels.dense import cross_entropy
from rnnsweep.kernels.members import total
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.models.many_to_one import ManyToOne
from rnnsweep.pooling import PoolingFactory, mask
from rnnsweep.tasks import chance
from rnnsweep.tasks.bits import BitsTask
from rnnsweep.types import Batch, Count, DropoutRate, Metric, Metrics, State, Summary


@dataclasses.dataclass(kw_only=True, eq=False)
class Parity(BitsTask):
    """Classify, at each step or after the last one, whether the number of ones so far is odd; loss in nats."""

    metric: ClassVar[Metric] = Metric("accuracy", "share", "max")

    output: Literal["each", "last"] = "each"
    """`each`: a label at every step (many-to-many); `last`: one for the sequence (many-to-one, by pooling)."""
    embedding_size: Count = 32
    """Features of an embedded bit."""
    embedding_dropout: DropoutRate = 0.0
    """Share of the embedded features dropped in training."""
    output_dropout: DropoutRate = 0.0
    """Share of the cell's (pooled) outputs dropped in training before the head."""

    @functools.cached_property
    def metrics(self) -> tuple[Metric, ...]:
        part = self.data["train"]
        targets = part["targets"]
        far = (Metric(f"accuracy_{length}", "share", "max", 0.5) for length in self.test_lengths)
        labels = targets[mask(part["lengths"], targets.shape[1])] if self.each else targets
        return *chance.labelled(labels), *far

    @property
    def each(self) -> bool:
        return self.output == "each"

    def sequences(self, bits: Int[Tensor, "batch time"], lengths: Int[Tensor, "batch"]) -> Batch:
        odd = bits.cumsum(1) % 2
        targets = odd if self.each else odd.gather(1, (lengths - 1)[:, None]).squeeze(1)
        return {"inputs": bits, "lengths": lengths, "targets": targets}

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        embedding = TokenEmbedding(2, self.embedding_size, self.embedding_dropout)
        if self.each:
            return ManyToMany(embedding, cell, outputs=2, output_dropout=self.output_dropout)
        return ManyToOne(embedding, cell, pooling, outputs=2, output_dropout=self.output_dropout)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        targets = batch["targets"]  # (batch, time) or (batch,)
        scores = self._scores(model, batch)  # (batch, time, 2) or (batch, 2)
        each = cross_entropy(scores, targets)
        counts = mask(batch["lengths"], targets.shape[-1]).to(each) if self.each else torch.ones_like(each)
        loss, count = total(each * counts), total(counts)
        right = total((scores.argmax(-1) == targets) * counts)
        return loss / count, {"loss": (loss.detach(), count), "accuracy": (right, count)}, ()

    def _scores(self, model: nn.Module, batch: Batch) -> Tensor:
        if self.each:
            scores, _ = model(batch["inputs"])
            return scores  # type: ignore[no-any-return]
        return model(batch["inputs"], batch["lengths"])  # type: ignore[no-any-return]

    def answers(self, model: nn.Module, batch: Batch) -> Tensor:
        return self._scores(model, batch).argmax(-1)

    @torch.no_grad()
    def summary(self, model: nn.Module) -> Summary:
        """The first ten test sequences with what the model answers, and how far it extrapolates.

        `accuracy_256` is the share of sequences of 256 bits after which it is right.
        """
        device = next(model.parameters()).device
        few = {name: part[:10].to(device) for name, part in self.data["test"].items()}
        answers = self.answers(model, few)
        rows = zip(few["inputs"].tolist(), few["lengths"].tolist(), strict=True)
        shown = [
            {"input": "".join(map(str, bits[:length])), "target": _digits(target), "answer": _digits(answer)}
            for (bits, length), target, answer in zip(rows, few["targets"].tolist(), answers.tolist(), strict=True)
        ]
        lengths = self.by_length(model)
        far = {f"accuracy_{row['length']}": row["last"] for row in lengths}
        return Summary({"examples": shown} | ({"by_length": lengths} if lengths else {}), metrics=far)


def _digits(labels: int | list[int]) -> str:
    return "".join(map(str, labels)) if isinstance(labels, list) else str(labels)
