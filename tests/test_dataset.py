"""A torch Dataset as a task: ragged items, names of classes, and what is refused."""

import dataclasses
from typing import Any

import pytest
import torch

from rnnsweep.errors import ConfigError
from rnnsweep.tasks.dataset import DatasetClassification
from rnnsweep.types import Split


@dataclasses.dataclass(kw_only=True, eq=False)
class Listed(DatasetClassification):
    """A list is a map-style data set, too."""

    items: dict[str, list[Any]] = dataclasses.field(default_factory=dict)

    def dataset(self, split: Split) -> Any:
        return self.items[split]


def made(*train: Any, test: list[Any] | None = None) -> Listed:
    return Listed(0, 1, items={"train": list(train), "val": list(train), "test": test or []})


def test_ragged_items_are_padded_and_classes_sorted() -> None:
    task = made((torch.tensor([1.0, 2.0]), torch.tensor(10)), ([[3], [4], [5]], torch.tensor(9)))
    part = task.data["train"]
    assert part["inputs"][:, :, 0].tolist() == [[1, 2, 0], [3, 4, 5]]
    assert part["lengths"].tolist() == [2, 3]
    assert (task.class_names, part["labels"].tolist()) == (["9", "10"], [1, 0])
    assert task.size("test") == 0


@pytest.mark.parametrize(
    ("items", "test", "said"),
    [
        ([([], "a")], [], r"item 0 of the train part has the shape \(0, 1\)"),
        ([([float("nan")], "a")], [], "expected finite numbers"),
        ([(torch.zeros(2, 3, 4), "a")], [], r"has the shape \(2, 3, 4\)"),
        ([([[1, 2]], "a"), ([[1]], "b")], [], "the items have 1, 2 features"),
        ([([1], "a"), ([1], "b")], [([1], "c")], "a part has classes that the training part lacks: 'c'"),
        ([([1], "a"), ([1], None)], [], "item 1 of the train part has the label None; expected a name or a number"),
        ([([1], 1.0), ([1], float("nan"))], [], "item 1 of the train part has the label nan; expected a name or"),
        ([([1], torch.tensor([0, 1])), ([1], 1)], [], r"item 0 of the train part has the label \[0, 1\]"),
        ([([1], "a"), ([1], 0)], [], "the labels are names and numbers; give them as one of both"),
        ([([1], "a"), ([2], "a")], [], "there is one class only, 'a'; expected at least two"),
    ],
)
def test_items_that_cannot_be_used(items: list[Any], test: list[Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        _ = made(*items, test=test).data
