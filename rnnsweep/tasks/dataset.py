"""A torch Dataset of labelled sequences as a task."""

import abc
import dataclasses
import functools
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.errors import ConfigError, listed
from rnnsweep.tasks.classification import NumberClassification
from rnnsweep.types import Batch, Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclasses.dataclass(kw_only=True, eq=False)
class DatasetClassification(NumberClassification):
    """The class of each sequence of a map-style `torch.utils.data.Dataset`.

    A subclass says which data set is which part. An item is a sequence (time, features) or (time,), of any length, and
    its label, a number or a name. All items are read once, and kept in memory. They are not scaled: scale them
    yourself.
    """

    @abc.abstractmethod
    def dataset(self, split: Split) -> Any:
        """The data set of a part: it has `__len__`, and `__getitem__` gives a sequence and its label."""

    @functools.cached_property
    def _items(self) -> dict[Split, list[tuple[Tensor, Any]]]:
        return {split: [self._item(split, index) for index in range(len(self._datasets[split]))] for split in SPLITS}

    def _item(self, split: Split, index: int) -> tuple[Float[Tensor, "time in"], Any]:
        sequence, label = self._datasets[split][index]
        numbers = torch.as_tensor(sequence, dtype=torch.float32)
        numbers = numbers[:, None] if numbers.dim() == 1 else numbers
        if numbers.dim() != 2 or not len(numbers) or not numbers.isfinite().all():
            problem = f"item {index} of the {split} part has the shape {tuple(numbers.shape)}"
            raise ConfigError("task", f"{problem}; expected finite numbers (time, features), one step at least")
        label = label.tolist() if isinstance(label, Tensor | np.ndarray | np.generic) else label
        if not isinstance(label, str | int | float) or label != label:  # NaN is not equal to itself
            problem = f"item {index} of the {split} part has the label {label}"
            raise ConfigError("task", f"{problem}; expected a name or a number, one for a sequence")
        return numbers, label

    @functools.cached_property
    def _datasets(self) -> dict[Split, Any]:
        return {split: self.dataset(split) for split in SPLITS}

    @functools.cached_property
    def class_names(self) -> list[str]:
        labels = {label for _, label in self._items["train"]}
        if len({isinstance(label, str) for label in labels}) > 1:
            raise ConfigError("task", "the labels are names and numbers; give them as one of both")
        if len(labels) < 2:
            raise ConfigError("task", f"there is one class only, {listed(labels)}; expected at least two")
        return [str(label) for label in sorted(labels)]

    @functools.cached_property
    def features(self) -> int:
        """Numbers of one step."""
        widths = {numbers.shape[1] for part in self._items.values() for numbers, _ in part}
        if len(widths) != 1:
            raise ConfigError(
                "task", f"the items have {listed(sorted(widths))} features; expected the same number in all items"
            )
        return widths.pop()

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        return {split: self._examples(self._items[split]) for split in SPLITS}

    def _examples(self, items: list[tuple[Tensor, Any]]) -> Batch:
        if new := {str(label) for _, label in items} - set(self.class_names):
            raise ConfigError("task", f"a part has classes that the training part lacks: {listed(sorted(new))}")
        return self.padded([numbers for numbers, _ in items], [str(label) for _, label in items])

    def texts(self, split: Split) -> list[str]:
        return [f"item {index} of the {split} part" for index in range(self.size(split))]

    def adopt(self, assets: dict[str, Any]) -> None:
        self.class_names, self.features = list(assets["classes"]), int(assets["features"])
