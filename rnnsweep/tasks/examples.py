"""Tasks over a fixed set of examples: three splits, and in each epoch the training examples in a new order."""

import abc
import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from rnnsweep import rng
from rnnsweep.errors import ConfigError
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.tasks.resident import resident
from rnnsweep.types import Batch, Count, Split

Rows = TypeVar("Rows", Tensor, list[Any])


def digest(parts: Iterable[Batch]) -> str:
    """The SHA-256 of examples."""
    found = hashlib.sha256()
    for part in parts:
        for name in sorted(part):
            found.update(part[name].numpy().tobytes())
    return found.hexdigest()


@dataclasses.dataclass(kw_only=True, eq=False)
class ExampleTask(AbstractTask):
    """A task whose data are examples: what `data` holds, by name, one row an example."""

    evaluated: ClassVar[int] = 200
    """Examples of one evaluation batch: a matter of speed, not of the result. A stack of 16 takes half the time of
    batches of 1,000, which leave the processor's cache; a run alone loses a tenth."""

    @property
    @abc.abstractmethod
    def data(self) -> dict[Split, Batch]:
        """The examples of each split; made once, on first use."""

    @functools.cached_property
    def data_hash(self) -> str:
        return digest(self.data.values())

    def size(self, split: Split) -> int:
        """Examples of a split."""
        return len(next(iter(self.data[split].values())))

    @property
    def steps_per_epoch(self) -> int:
        if self.batch_size > self.size("train"):
            raise ConfigError("train.batch_size", f"is above the {self.size('train')} training examples; lower it")
        return self.size("train") // self.batch_size

    def learned_from(self) -> Batch:
        """What training batches are made of: tensors by name, one row an example."""
        return self.data["train"]

    @functools.cached_property
    def _kept(self) -> Batch:
        """The same, on the device of `keep_on`."""
        return dict(self.learned_from())

    def keep_on(self, device: torch.device) -> None:
        self._kept.update({name: resident(values, device) for name, values in self._kept.items()})
        self._orders.clear()

    def batch(self, step: int) -> Batch:
        epoch, start = divmod(step, self.steps_per_epoch)
        chosen = self._order(epoch)[start * self.batch_size : (start + 1) * self.batch_size]
        return {name: values.index_select(0, chosen) for name, values in self._kept.items()}

    def _order(self, epoch: int) -> Int[Tensor, "example"]:
        if epoch not in self._orders:
            self._orders.clear()
            generator = rng.generator(self.seed, "data", epoch)
            order = torch.randperm(self.size("train"), generator=generator)
            self._orders[epoch] = order.to(next(iter(self._kept.values())).device)
        return self._orders[epoch]

    @functools.cached_property
    def _orders(self) -> dict[int, Int[Tensor, "example"]]:
        """The order of the newest epoch."""
        return {}

    def evaluation(self, split: Split) -> Iterator[Batch]:
        for start in range(0, self.size(split), self.evaluated):
            yield {name: part[start : start + self.evaluated] for name, part in self.data[split].items()}


@dataclasses.dataclass(kw_only=True, eq=False)
class DrawnTask(ExampleTask):
    """A task whose examples are drawn from the seed, as many as are asked for."""

    examples: Count = 10_000
    """Training examples; an epoch is one pass over them in a new order."""
    held_out: Count = 1_000
    """Examples for validation, and as many for the test."""

    @property
    def sizes(self) -> dict[Split, int]:
        """Examples of each split."""
        return {"train": self.examples, "val": self.held_out, "test": self.held_out}

    @property
    def total(self) -> int:
        """Examples of all splits together."""
        return sum(self.sizes.values())

    def split(self, drawn: Rows) -> dict[Split, Rows]:
        """Cuts what was drawn into the splits.

        Args:
            drawn: `total` rows, those of training first.

        Raises:
            ConfigError: there are more or fewer rows.
        """
        if len(drawn) != self.total:
            problem = f"{len(drawn):,} examples were drawn; expected {self.total:,}: `task.examples` and twice"
            raise ConfigError("task", f"{problem} `task.held_out`")
        ends = itertools.accumulate(self.sizes.values())
        return {split: drawn[end - size : end] for (split, size), end in zip(self.sizes.items(), ends, strict=True)}
