"""Classification of sequences: what the tasks with one label a sequence share."""

import abc
import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.base import CellFactory
from rnnsweep.errors import ConfigError
from rnnsweep.kernels.dense import cross_entropy
from rnnsweep.kernels.members import total
from rnnsweep.models.embedding import Features, TokenEmbedding
from rnnsweep.models.many_to_one import ManyToOne
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks import by_class, chance, new_data
from rnnsweep.tasks.examples import ExampleTask
from rnnsweep.types import Batch, Count, DropoutRate, Metric, Metrics, Split, State, Summary


@dataclasses.dataclass(kw_only=True, eq=False)
class ClassificationTask(ExampleTask):
    """Name the class of each sequence; loss in nats. A batch has `inputs`, `lengths` and `labels`.

    Two metrics stand beside the accuracy that frequent classes do not dominate: `macro_f1`, the mean over the classes
    of F1, and
    `balanced_accuracy`, the mean of the recalls.
    """

    metric: ClassVar[Metric] = Metric("accuracy", "share", "max")

    class_weights: Literal["none", "balanced"] = "none"
    """balanced: an example counts in the training loss by the inverse of its class's frequency in training. Validation
    and test are never weighted, so that their losses can be compared."""
    output_dropout: DropoutRate = 0.0
    """Share of the pooled features dropped in training before the head."""

    @functools.cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return (
            *chance.labelled(self.data["train"]["labels"]),
            Metric("macro_f1", "share", "max"),
            Metric("balanced_accuracy", "share", "max", 1 / len(self.class_names)),
        )

    @property
    @abc.abstractmethod
    def class_names(self) -> list[str]:
        """The classes in the order of their numbers."""

    @abc.abstractmethod
    def embedding(self) -> TokenEmbedding | Features:
        """The embedding of the inputs, which the cell reads."""

    @abc.abstractmethod
    def texts(self, split: Split) -> list[str]:
        """The sequences as a person reads them."""

    @functools.cached_property
    def weights(self) -> Float[Tensor, "classes"]:
        """The weight in the loss of an example of each class, if they are balanced; 1 on average over all examples."""
        counts = torch.bincount(self.data["train"]["labels"], minlength=len(self.class_names))
        return counts.sum() / (len(counts) * counts.clamp(min=1))

    def learned_from(self) -> Batch:
        """With `weights` where the classes are balanced: in a stack each member has its own."""
        train = super().learned_from()
        return train if self.class_weights == "none" else train | {"weights": self.weights[train["labels"]]}

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        outputs = len(self.class_names)
        return ManyToOne(self.embedding(), cell, pooling, outputs=outputs, output_dropout=self.output_dropout)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        labels = batch["labels"]
        scores = model(batch["inputs"], batch["lengths"])  # (batch, classes)
        each = cross_entropy(scores, labels)
        weights = batch["weights"].to(each) if "weights" in batch else torch.ones_like(each)
        loss, count = total(each * weights), total(weights)
        found = scores.argmax(-1)
        metrics = {
            "loss": (loss.detach(), count),
            "accuracy": (total(found == labels), total(torch.ones_like(labels))),
        }
        return loss / count, metrics if model.training else metrics | self._by_class(found, labels), ()

    def _by_class(self, found: Int[Tensor, "*batch"], labels: Int[Tensor, "*batch"]) -> Metrics:
        """Recall, right / wanted, and F1, 2 right / (wanted + given), of each class: numerators and denominators."""
        classes = len(self.class_names)
        given, wanted = F.one_hot(found, classes), F.one_hot(labels, classes)
        right, both, in_all = ((given * wanted).sum(-2), (given + wanted).sum(-2), wanted.sum(-2))
        metrics = {f"recall {index}": (right[..., index], in_all[..., index]) for index in range(classes)}
        return metrics | {f"f1 {index}": (2 * right[..., index], both[..., index]) for index in range(classes)}

    def derive(self, means: dict[str, float]) -> dict[str, float]:
        shown = {name: value for name, value in means.items() if not name.startswith(("recall ", "f1 "))}
        for name, mean in (("f1", "macro_f1"), ("recall", "balanced_accuracy")):
            values = [value for key, value in means.items() if key.startswith(f"{name} ") and not math.isnan(value)]
            shown |= {mean: sum(values) / len(values)} if values else {}
        return shown

    def encoded(self, examples: list[Any]) -> Batch:
        """New examples as `inputs` and `lengths`.

        Raises:
            ConfigError: an example is not one of this task, or the task does not say how to read one.
        """
        problem = f"{type(self).__name__} has no method `encoded(examples)`, which makes a batch of new examples"
        raise ConfigError("task", problem)

    @torch.no_grad()
    def predict(self, model: nn.Module, examples: list[Any]) -> list[str]:
        """The name of the class of each example."""
        batch = self.encoded(examples)
        return [self.class_names[found] for found in model(batch["inputs"], batch["lengths"]).argmax(1).tolist()]

    @torch.no_grad()
    def summary(self, model: nn.Module) -> Summary:
        """The confusion matrix of the test (a row for each true class), a table of the classes, and mistakes."""
        device = next(model.parameters()).device
        labels, found = self.data["test"]["labels"], []
        for batch in self.evaluation("test"):
            found.append(model(batch["inputs"].to(device), batch["lengths"].to(device)).argmax(1).cpu())
        answers = torch.cat(found) if found else labels
        data = by_class.summarised(self.class_names, self.texts("test"), labels.tolist(), answers.tolist())
        return Summary(data, by_class.page(data))


@dataclasses.dataclass(kw_only=True, eq=False)
class SymbolClassification(ClassificationTask):
    """Name the class of each sequence of symbols."""

    embedding_size: Count = 32
    """Features of an embedded symbol."""
    embedding_dropout: DropoutRate = 0.0
    """Share of the embedded features dropped in training."""

    @property
    @abc.abstractmethod
    def symbols(self) -> int:
        """How many symbols there are, the unknown included."""

    @abc.abstractmethod
    def labels(self, split: Split) -> Int[Tensor, "example"]: ...

    @abc.abstractmethod
    def numbers(self, split: Split) -> tuple[Int[Tensor, "example time"], Int[Tensor, "example"]]:
        """The sequences as padded rows of symbols, and their lengths."""

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        return {split: self._examples(split) for split in ("train", "val", "test")}

    def _examples(self, split: Split) -> Batch:
        rows, lengths = self.numbers(split)
        return {"inputs": rows, "lengths": lengths, "labels": self.labels(split)}

    def embedding(self) -> TokenEmbedding:
        return TokenEmbedding(self.symbols, self.embedding_size, self.embedding_dropout)


@dataclasses.dataclass(kw_only=True, eq=False)
class NumberClassification(ClassificationTask):
    """Name the class of each sequence of numbers; the sequences can differ in length."""

    @property
    @abc.abstractmethod
    def features(self) -> int:
        """Numbers of one step."""

    def padded(self, sequences: Sequence[Float[Tensor, "_ _"]], classes: Sequence[str]) -> Batch:
        """A batch of sequences, each (time, features), and their classes by name; there may be none."""
        one = torch.zeros(1, self.features)  # read first: a task refuses sequences of several widths there
        filled = nn.utils.rnn.pad_sequence([*sequences] or [one], batch_first=True)
        return {
            "inputs": filled[: len(sequences)],
            "lengths": torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64),
            "labels": torch.tensor([self.class_names.index(name) for name in classes], dtype=torch.int64),
        }

    def embedding(self) -> Features:
        return Features(self.features)

    def encoded(self, examples: list[Any]) -> Batch:
        return new_data.numbers(examples, self.features)

    def assets(self) -> dict[str, Any]:
        return {"classes": self.class_names, "features": self.features}
