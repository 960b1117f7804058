"""Parity: the cumulative sum modulo 2 of a random binary sequence, the smallest task that needs a state."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep import rng
from rnnsweep.cells.base import CellFactory
from rnnsweep.data.sequences import distinct_binary
from rnnsweep.errors import ConfigError
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.models.many_to_one import ManyToOne
from rnnsweep.pooling import PoolingFactory, mask
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import Batch, Count, DropoutRate, Metric, Metrics, Showcase, Split, State

EVALUATION_SEQUENCES = 1000  # sequences of one evaluation batch: a matter of memory, not of the result


@dataclasses.dataclass(kw_only=True, eq=False)
class Parity(AbstractTask):
    """Classify, at each step or after the last one, whether the number of ones so far is odd; loss in nats.

    The sequences are generated from the run's seed and are all different, so that no split contains one of another.
    """

    metric: ClassVar[Metric] = Metric("accuracy", "share", "max")

    output: Literal["each", "last"] = "each"
    """`each`: a label at every step (many-to-many); `last`: one for the sequence (many-to-one, by pooling)."""
    seq_len: Count = 20
    """Length of the longest sequences."""
    min_len: Count | None = None
    """Length of the shortest; None: all are `seq_len` long."""
    examples: Count = 10_000
    """Training sequences; an epoch is one pass over them in a new order."""
    held_out: Count = 1_000
    """Sequences in the validation part, and as many in the test."""
    embedding_size: Count = 32
    """Features of an embedded bit."""
    embedding_dropout: DropoutRate = 0.0
    """Share of the embedded features dropped in training."""
    output_dropout: DropoutRate = 0.0
    """Share of the cell's (pooled) outputs dropped in training before the head."""

    @property
    def each(self) -> bool:
        return self.output == "each"

    @property
    def sizes(self) -> dict[Split, int]:
        return {"train": self.examples, "val": self.held_out, "test": self.held_out}

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        shortest = self.min_len or self.seq_len
        if shortest > self.seq_len:
            raise ConfigError("task.min_len", f"is above `task.seq_len` = {self.seq_len}; lower it", ("task.seq_len",))
        bits, lengths = distinct_binary(sum(self.sizes.values()), shortest, self.seq_len, self.seed)
        start, parts = 0, dict[Split, Batch]()
        for split, size in self.sizes.items():
            parts[split] = self._examples(bits[start : start + size], lengths[start : start + size])
            start += size
        return parts

    def _examples(self, bits: Int[Tensor, "batch time"], lengths: Int[Tensor, "batch"]) -> Batch:
        odd = bits.cumsum(1) % 2
        targets = odd if self.each else odd.gather(1, (lengths - 1)[:, None]).squeeze(1)
        return {"inputs": bits, "lengths": lengths, "targets": targets}

    @property
    def data_hash(self) -> str:
        digest = hashlib.sha256()
        for part in self.data.values():
            digest.update(part["inputs"].numpy().tobytes() + part["lengths"].numpy().tobytes())
        return digest.hexdigest()

    @property
    def steps_per_epoch(self) -> int:
        if self.batch_size > self.examples:
            problem = f"is above the {self.examples} training sequences; lower it or raise `task.examples`"
            raise ConfigError("train.batch_size", problem, ("task.examples",))
        return self.examples // self.batch_size

    def batch(self, step: int) -> Batch:
        epoch, start = divmod(step, self.steps_per_epoch)
        chosen = self._order(epoch)[start * self.batch_size : (start + 1) * self.batch_size]
        return {name: values[chosen] for name, values in self.data["train"].items()}

    def _order(self, epoch: int) -> Int[Tensor, "example"]:
        if epoch not in self._orders:
            self._orders.clear()
            self._orders[epoch] = torch.randperm(self.examples, generator=rng.generator(self.seed, "data", epoch))
        return self._orders[epoch]

    @functools.cached_property
    def _orders(self) -> dict[int, Int[Tensor, "example"]]:
        """The order of the newest epoch."""
        return {}

    def evaluation(self, split: Split) -> Iterator[Batch]:
        for start in range(0, self.sizes[split], EVALUATION_SEQUENCES):
            yield {name: part[start : start + EVALUATION_SEQUENCES] for name, part in self.data[split].items()}

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        embedding = TokenEmbedding(2, self.embedding_size, self.embedding_dropout)
        if self.each:
            return ManyToMany(embedding, cell, outputs=2, output_dropout=self.output_dropout)
        return ManyToOne(embedding, cell, pooling, outputs=2, output_dropout=self.output_dropout)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, ""], Metrics, State]:
        targets = batch["targets"]  # (batch, time) or (batch,)
        scores = self._scores(model, batch)  # (batch, time, 2) or (batch, 2)
        each = F.cross_entropy(scores.movedim(-1, 1), targets, reduction="none")
        counts = mask(batch["lengths"], targets.shape[1]).to(each) if self.each else torch.ones_like(each)
        total, count = (each * counts).sum(), counts.sum()
        right = ((scores.argmax(-1) == targets) * counts).sum()
        return total / count, {"loss": (total.detach(), count), "accuracy": (right, count)}, ()

    def _scores(self, model: nn.Module, batch: Batch) -> Tensor:
        if self.each:
            scores, _ = model(batch["inputs"])
            return scores  # type: ignore[no-any-return]
        return model(batch["inputs"], batch["lengths"])  # type: ignore[no-any-return]

    @torch.no_grad()
    def showcase(self, model: nn.Module) -> Showcase:
        """The first ten test sequences with what the model answers."""
        model.eval()
        device = next(model.parameters()).device
        few = {name: part[:10].to(device) for name, part in self.data["test"].items()}
        answers = self._scores(model, few).argmax(-1)
        rows = zip(few["inputs"].tolist(), few["lengths"].tolist(), strict=True)
        shown = [
            {"input": "".join(map(str, bits[:length])), "target": _digits(target), "answer": _digits(answer)}
            for (bits, length), target, answer in zip(rows, few["targets"].tolist(), answers.tolist(), strict=True)
        ]
        return Showcase({"examples": shown})


def _digits(labels: int | list[int]) -> str:
    return "".join(map(str, labels)) if isinstance(labels, list) else str(labels)
