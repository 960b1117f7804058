"""Sequential MNIST (Le et al. 2015): which digit is it, read pixel by pixel?"""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch

from rnnsweep import rng
from rnnsweep.data import digits
from rnnsweep.errors import ConfigError
from rnnsweep.models.embedding import Features
from rnnsweep.tasks import new_data
from rnnsweep.tasks.classification import ClassificationTask
from rnnsweep.types import EXECUTION, MADE_UP, Batch, Count, Rate, Split


@dataclasses.dataclass(kw_only=True, eq=False)
class SeqMNIST(ClassificationTask):
    """The digit of a picture from its grey values, 0 to 1, one a step, row by row; or in a fixed random order.

    MNIST's pictures are sequences of 784 steps, the made-up ones of 196. Its test set is the test; the last of its
    training pictures are the validation.
    """

    path: Annotated[str | None, EXECUTION] = None  # its content is in the hash
    """A folder with MNIST's four IDX files, plain or .gz; None: digits in strokes of our own."""
    permuted: bool = False
    """The pixels of all pictures come in one random order, the same for every run."""
    examples: Annotated[Count, MADE_UP] = 6000
    """Digits to make up where there is no path, and a sixth as many for the test."""
    val_fraction: Rate = 0.1
    """Share of the training pictures for validation: the last of them."""

    @property
    def source_hash(self) -> str:
        return "" if self.path is None else digits.pictures(self.path)[2]

    @property
    def class_names(self) -> list[str]:
        return digits.CLASSES

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        if self.path is not None:
            train, test, _ = digits.pictures(self.path)
        else:
            train = digits.strokes(self.examples, self.seed, "train")
            test = digits.strokes(max(1, self.examples // 6), self.seed, "test")
        learned = round(len(train[0]) * (1 - self.val_fraction))
        if not 0 < learned < len(train[0]):
            problem = f"leaves {learned} of {len(train[0])} training pictures to learn from"
            raise ConfigError("task.val_fraction", f"{problem} and {len(train[0]) - learned} for validation")
        parts: dict[Split, digits.Pictures] = {
            "train": (train[0][:learned], train[1][:learned]),
            "val": (train[0][learned:], train[1][learned:]),
            "test": test,
        }
        return {split: self._sequences(*part) for split, part in parts.items()}

    def _sequences(self, grey: torch.Tensor, labels: torch.Tensor) -> Batch:
        pixels = grey.flatten(1)  # (picture, time)
        if self.permuted:
            pixels = pixels[:, torch.randperm(pixels.shape[1], generator=rng.generator(0, "split", "pixels"))]
        return {"inputs": pixels, "lengths": torch.full((len(pixels),), pixels.shape[1]), "labels": labels}

    def batch(self, step: int) -> Batch:
        return _scaled(super().batch(step))

    def evaluation(self, split: Split) -> Iterator[Batch]:
        yield from map(_scaled, super().evaluation(split))

    def embedding(self) -> Features:
        return Features(1)

    def encoded(self, examples: list[Any]) -> Batch:
        """Pictures as rows of grey values from 0 to 255, or as their rows one after the other."""
        flat, pixels = [np.asarray(picture).ravel() for picture in examples], self.data["train"]["inputs"].shape[1]
        batch = new_data.numbers(flat, 1)
        for number, picture in enumerate(flat):
            low, high = picture.min(), picture.max()
            if low < 0 or high > 255 or 0 < high <= 1:
                problem = f"{new_data.named(number)} holds numbers from {low:g} to {high:g}"
                problem = f"{problem}; expected grey values from 0 to 255"
                raise ConfigError(new_data.KEY, problem + ", times 255" * bool(0 < high <= 1))
            if len(picture) != pixels:
                problem = f"{new_data.named(number)} has {len(picture)} pixels; the training pictures have {pixels}"
                raise ConfigError(new_data.KEY, f"{problem}, expected as many")
        return _scaled(self._sequences(batch["inputs"][..., 0], torch.zeros(len(flat))))

    def texts(self, split: Split) -> list[str]:
        return [f"picture {number}" for number in range(self.size(split))]


def _scaled(batch: Batch) -> Batch:
    """Grey values as numbers (batch, time, 1); until then they are bytes, a quarter of the memory."""
    return batch | {"inputs": batch["inputs"][:, :, None] / 255}
