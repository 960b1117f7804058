"""Conditional generation: write names of a class that is asked for."""

import dataclasses
import functools
import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep import rng
from rnnsweep.cells.base import CellFactory
from rnnsweep.data.ngrams import NaiveBayes
from rnnsweep.errors import ConfigError
from rnnsweep.kernels.dense import cross_entropy
from rnnsweep.kernels.members import total
from rnnsweep.models.decode import generate
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.one_to_many import Condition, OneToMany
from rnnsweep.pooling import PoolingFactory, mask
from rnnsweep.tasks import chance
from rnnsweep.tasks.labelled import NamesTask
from rnnsweep.tasks.samples import distinct
from rnnsweep.types import Batch, Count, DropoutRate, Metric, Metrics, Natural, Positive, Split, State, Summary

SHOWN = 8  # samples of a class on the page; all are measured


@dataclasses.dataclass(kw_only=True, eq=False)
class NamesGen(NamesTask):
    """Predict each next character of a name, and its end, given its class; loss in nats a character, the end included.

    The model reads and writes one more symbol than the vocabulary has, the boundary: it begins and ends a name.
    """

    metric: ClassVar[Metric] = Metric("loss", "nats", "min")

    embedding_size: Count = 32
    """Features of an embedded character."""
    embedding_dropout: DropoutRate = 0.0
    """Share of the embedded features dropped in training."""
    output_dropout: DropoutRate = 0.0
    """Share of the cell's outputs dropped in training before the head."""
    condition: Condition = "every_step"
    """The steps at which the cell sees the class: first_step or every_step."""
    class_size: Count = 16
    """Features of the class's vector."""
    samples: Natural = 100
    """Names to write for each class after training."""
    temperature: Positive = 1.0
    """At which they are drawn."""
    prompt_len: Natural = 3
    """Characters of the test names that the continued samples begin with."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        part = self.data["train"]
        exists = mask(part["lengths"], part["targets"].shape[1])
        return (
            *chance.labelled(part["targets"][exists]),
            Metric("controllability", "share", "max", 1 / len(self.classes)),
            Metric("classifier_accuracy", "share", None),
            Metric("classifier_balanced_accuracy", "share", None),
            *(Metric(name, "share", "max") for name in ("novelty", "distinct_1", "distinct_2", "distinct_3")),
        )

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        return {split: self._examples(split) for split in ("train", "val", "test")}

    def _examples(self, split: Split) -> Batch:
        return self.vocab.bounded(self.texts(split), self.max_len) | {"labels": self.labels(split)}

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        return OneToMany(
            TokenEmbedding(self.vocab.boundary + 1, self.embedding_size, self.embedding_dropout),
            cell,
            classes=len(self.classes),
            class_size=self.class_size,
            condition=self.condition,
            output_dropout=self.output_dropout,
        )

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        targets = batch["targets"]  # (batch, time)
        scores, _ = model(batch["inputs"], batch["labels"])
        each = cross_entropy(scores, targets)
        counts = mask(batch["lengths"], targets.shape[-1]).to(each)
        loss, count = total(each * counts), total(counts)
        right = total((scores.argmax(-1) == targets) * counts)
        return loss / count, {"loss": (loss.detach(), count), "accuracy": (right, count)}, ()

    def predict(self, model: nn.Module, examples: list[Any]) -> list[Any]:
        raise ConfigError("task", "names_gen writes names and answers nothing; use `generate`")

    # What it writes ------------------------------------------------------------------------------------------

    def write(
        self, model: nn.Module, prompts: list[str], labels: Int[Tensor, "batch"], temperature: float, seed: int
    ) -> list[str]:
        """The rest of a name of each class after each prompt (all of one length), without the prompt."""
        device = next(model.parameters()).device
        edge = torch.full((len(prompts), 1), self.vocab.boundary)
        start = torch.cat([edge, torch.stack([self.vocab.encode(prompt).long() for prompt in prompts])], 1)
        drawn = generate(
            lambda tokens, state=(): model(tokens, labels.to(device), state),
            start.to(device),
            self.max_len,
            torch.full((len(prompts),), temperature, device=device),
            torch.zeros(len(prompts), dtype=torch.int64, device=device),
            rng.generator(seed, "sampling", len(prompts[0])),
        )
        return [self.vocab.ended(row) for row in drawn.tolist()]

    def summary(self, model: nn.Module) -> Summary:
        """Names for each class, judged by a classifier of its own kind; and test names continued."""
        if not self.samples:
            return Summary({})
        labels = torch.arange(len(self.classes)).repeat_interleave(self.samples)
        texts = self.write(model, [""] * len(labels), labels, self.temperature, self.seed)
        judge = NaiveBayes(self.texts("train"), self.labels("train").tolist())
        real = self.labels("test").tolist()
        recalls = judge.recalls(self.texts("test"), real)
        judged = [judge.classify(text) for text in texts]
        known = set(self.texts("train"))
        none = math.nan  # no test, no accuracy on it
        measures: dict[str, float] = {
            "controllability": sum(map(int.__eq__, judged, labels.tolist())) / len(texts),
            "classifier_accuracy": sum(recalls[label] for label in real) / len(real) if real else none,
            "classifier_balanced_accuracy": sum(recalls.values()) / len(recalls) if recalls else none,
            "novelty": sum(text not in known for text in texts) / len(texts),
        } | {f"distinct_{n}": distinct([*"".join(texts)], n) for n in (1, 2, 3)}
        by_class = [
            {
                "class": name,
                "controllability": sum(found == index for found in judged[at : at + self.samples]) / self.samples,
                "recall": recalls.get(index),
                "samples": texts[at : at + self.samples],
            }
            for index, name in enumerate(self.classes)
            for at in [index * self.samples]
        ]
        data = {"measures": [measures], "by_class": by_class, "continued": self._continued(model)}
        page = _page(data, self.samples)
        return Summary(data, page, {name: value for name, value in measures.items() if not math.isnan(value)})

    def _continued(self, model: nn.Module) -> list[dict[str, str]]:
        """One test name of each class that is long enough: its beginning, its end, and what the model writes."""
        found: dict[str, str] = {}
        for text, label in self.parts["test"]:
            if len(text) > self.prompt_len:
                found.setdefault(label, text)
        names = [name for name in self.classes if name in found]
        prompts = [found[name][: self.prompt_len] for name in names]
        if not prompts:
            return []
        labels = torch.tensor([self.classes.index(name) for name in names])
        written = self.write(model, prompts, labels, self.temperature, self.seed)
        return [
            {"class": name, "prompt": prompt, "text": text, "truth": found[name][self.prompt_len :]}
            for name, prompt, text in zip(names, prompts, written, strict=True)
        ]


def _page(data: dict[str, Any], samples: int) -> str:
    (measures,) = data["measures"]
    lines = [
        "# Samples",
        "",
        f"{samples} names of each class. Controllability: the share that a naive Bayes classifier over character",
        "n-grams, trained on the training names, gives to the class that was asked for; beside it its own",
        "accuracy on the test names, and balanced: the mean of its classes' recalls, since here each class is asked",
        "for as often. Novelty: the share that the training names do not hold.",
        "",
        "| controllability | classifier's accuracy | balanced | novelty | distinct-1 | distinct-2 | distinct-3 |",
        "|---|---|---|---|---|---|---|",
        "| " + " | ".join("-" if math.isnan(each) else f"{each:.3f}" for each in measures.values()) + " |",
    ]
    for row in data["by_class"]:
        own = "" if row["recall"] is None else f" (real names {row['recall']:.2f})"
        lines += ["", f"{row['class']}, controllability {row['controllability']:.2f}{own}:", ""]
        lines += [f"    {text}" for text in row["samples"][:SHOWN]]
    if data["continued"]:
        lines += ["", "Test names continued (beginning|what the model wrote, then the name itself):", ""]
    for row in data["continued"]:
        lines.append(f"    {row['class']}: {row['prompt']}|{row['text']}   {row['prompt']}{row['truth']}")
    return "\n".join(lines) + "\n"
