"""Which class is a series of numbers from a sensor?"""

import dataclasses
import functools
import hashlib
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge
from torch import nn

from rnnsweep import rng
from rnnsweep.data import bumps, labelled_series, splits
from rnnsweep.data.labelled_series import LabelledSeries, Missing
from rnnsweep.data.neighbour import nearest
from rnnsweep.data.series import scales
from rnnsweep.data.tables import Decimal
from rnnsweep.data.times import index_words, is_even
from rnnsweep.errors import ConfigError, listed
from rnnsweep.tasks import new_data, own_parts
from rnnsweep.tasks.classification import NumberClassification
from rnnsweep.types import (
    EXECUTION,
    FROM_FILES,
    LATER,
    MADE_UP,
    Batch,
    Count,
    Metric,
    Name,
    NonNegative,
    Rate,
    Split,
    Summary,
)

SUFFIXES = (".txt", ".tsv", ".csv", ".ts", ".npz")


@dataclasses.dataclass(kw_only=True, eq=False)
class SeriesClass(NumberClassification):
    """The class of a series of numbers, read step by step; one or many channels, of one length or of many.

    Each channel is scaled to mean 0 and variance 1 of its training part. Training and test are as the files have them,
    the validation is a share of each class of the training series, the same for every seed. Beside the accuracy stands
    what one nearest neighbour reaches: the class of the training series (without those of the validation) at the
    smallest Euclidean distance, all padded by zeros to one length.
    """

    path: Annotated[str | None, EXECUTION] = None
    """A file of labelled series: UCR text (the class first), `.ts`, `.npz` of x and y, or a CSV of id, time, channels
    and label; or a folder of such files for train and test. None: made up. A run is known by the content."""
    val_path: Annotated[str | None, EXECUTION] = None
    """The same for the validation; None: the share `val_fraction` of the training series."""
    test_path: Annotated[str | None, EXECUTION] = None
    """The same for the test; None: the share `test_fraction` of the training series."""
    channels: Annotated[list[Name] | None, FROM_FILES] = None
    """The channels to read: columns of a CSV, or their numbers from 0; None: all."""
    encoding: Annotated[str, FROM_FILES] = "utf-8"
    """The encoding of the files."""
    decimal: Annotated[Decimal, FROM_FILES] = "."
    """The decimal mark of a CSV's numbers."""
    missing: Annotated[Missing, FROM_FILES] = "refuse"
    """What to do where a number is missing inside of a series. refuse: stop; interpolate: draw a straight line between
    the numbers before and after; forward: repeat the number before."""
    missing_values: Annotated[list[float] | None, LATER, FROM_FILES] = None
    """Numbers that stand for a missing one, such as -999; None: none does."""
    examples: Annotated[Count, MADE_UP] = 2000
    """Series to make up for training where there is no path."""
    held_out: Annotated[Count, MADE_UP] = 400
    """Series to make up for validation, and as many for the test."""
    seq_len: Annotated[int, Ge(10), MADE_UP] = 60
    """Steps of the longest made-up series."""
    noise: Annotated[NonNegative, MADE_UP] = 0.1
    """Standard deviation of the noise in made-up series."""
    val_fraction: Annotated[Rate, FROM_FILES] = 0.1
    """Share of the training series for validation, where they come from a file."""
    test_fraction: Annotated[Rate, FROM_FILES] = 0.1
    """Share of the training series for the test, where it has no file."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return *super().metrics, Metric("nearest_neighbour", "share", None)

    # Files ---------------------------------------------------------------------------------------------------

    @functools.cached_property
    def files(self) -> dict[Split, LabelledSeries]:
        """The series of each part that has a file; empty where they are made up.

        Raises:
            ConfigError: a file cannot be used, or does not belong to that of the training.
        """
        given: dict[Split, str | None] = {"train": self.path, "val": self.val_path, "test": self.test_path}
        inside = {} if self.path is None else splits.in_folder(self.path, "task.path", SUFFIXES)
        found: dict[Split, LabelledSeries] = {}
        marks = tuple(self.missing_values or ())
        places = splits.places(given, inside, "path")
        for split, (path, key) in places.items():
            if self.path is None:
                raise ConfigError(key, "give `task.path`, too")
            found[split] = labelled_series.load(path, self.encoding, self.decimal, self.missing, key, marks)
            self._check_alike(found[split], found["train"], path, key)
        splits.tell_same({split: (places[split][0], found[split].sha256) for split in found})
        return found

    @staticmethod
    def _check_alike(part: LabelledSeries, train: LabelledSeries, path: str, key: str) -> None:
        if new := sorted(set(part.labels) - set(train.labels)):
            raise ConfigError(key, f"`{path}` has classes that the training series lack: {listed(new)}")
        if len(set(train.labels)) < 2:
            raise ConfigError(
                key, f"all series of `{path}` are of one class, `{train.labels[0]}`; expected two at least"
            )
        if part.channels != train.channels:
            problem = f"`{path}` has the channels {listed(part.channels)}"
            raise ConfigError(key, f"{problem}, the training series {listed(train.channels)}")

    @property
    def source_hash(self) -> str:
        hashes = {split: self.files[split].sha256 for split in sorted(self.files)}
        return hashlib.sha256(repr(hashes).encode()).hexdigest() if hashes else ""

    @functools.cached_property
    def _chosen(self) -> list[int]:
        """The places of the channels that are read."""
        names = self.files["train"].channels
        wanted = names if self.channels is None else self.channels
        if wrong := [name for name in wanted if name not in names]:
            raise ConfigError("task.channels", f"there is no channel {listed(wrong)}; there are {listed(names)}")
        if not wanted:
            raise ConfigError("task.channels", "give one channel at least, or null for all")
        if self.channels is None and len(names) > 1:
            self._check_all(names)
        return [names.index(name) for name in wanted]

    def _check_all(self, names: list[str]) -> None:
        """Refuses a channel that counts the rows of the file, where `task.channels` names none.

        Raises:
            ConfigError: names the channel.
        """
        every = np.concatenate(self.files["train"].values)
        for name, numbers in zip(names, every.T, strict=True):
            if not name or is_even(numbers):
                how = "say which to read, as in `task.channels=[NAME,NAME]`"
                raise ConfigError(
                    "task.channels", f"{index_words(self.path, name, 'a channel')}; {how}", ("task.path",)
                )

    # Examples ------------------------------------------------------------------------------------------------

    @functools.cached_property
    def class_names(self) -> list[str]:
        return sorted(set(self.files["train"].labels)) if self.files else bumps.CLASSES

    @functools.cached_property
    def features(self) -> int:
        """Numbers of one step."""
        return len(self._chosen) if self.files else 2

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        if not self.files:
            sizes: dict[Split, int] = {"train": self.examples, "val": self.held_out, "test": self.held_out}
            return {split: self._made_up(split, size) for split, size in sizes.items()}
        mean, deviation = self.scale
        return {split: self._examples(*part, mean, deviation) for split, part in self.parts.items()}

    def _made_up(self, split: Split, count: int) -> Batch:
        drawn = bumps.bumps(count, self.seq_len, self.noise, rng.generator(self.seed, "data", split))
        return dict(zip(("inputs", "lengths", "labels"), drawn, strict=True))

    def _examples(self, series: list[np.ndarray], labels: list[str], mean: np.ndarray, deviation: np.ndarray) -> Batch:
        return self.padded([torch.from_numpy((each - mean) / deviation).float() for each in series], labels)

    @functools.cached_property
    def parts(self) -> dict[Split, tuple[list[np.ndarray], list[str]]]:
        """The series of each split in their own unit, and their classes."""
        chosen = self._chosen
        given = {split: ([each[:, chosen] for each in part.values], part.labels) for split, part in self.files.items()}
        series, labels = given.pop("train")
        places = self._dealt(labels, "val" not in given, "test" not in given)
        dealt = {split: ([series[i] for i in own], [labels[i] for i in own]) for split, own in places.items()}
        found = dealt | given
        own_parts.tell_idle_shares(self, given)
        splits.tell_without(self.path, labels, {split: part[1] for split, part in found.items()}, "series")
        return found

    def _dealt(self, labels: list[str], val: bool, test: bool) -> dict[Split, list[int]]:
        """The numbers of the training series that each split gets, in order: the same shares of every class."""
        places: dict[Split, list[int]] = {"train": [], "val": [], "test": []}
        for name in self.class_names:
            own = torch.tensor([place for place, label in enumerate(labels) if label == name])
            mixed = own[torch.randperm(len(own), generator=rng.generator(0, "split", name))].tolist()
            first = round(len(own) * self.val_fraction) if val else 0
            second = first + (round(len(own) * self.test_fraction) if test else 0)
            places["val"] += mixed[:first]
            places["test"] += mixed[first:second]
            places["train"] += mixed[second:]
            if second == len(own) or (val and not first and len(own) == 1):
                problem = f"the class `{name}` has {len(own)} training series, too few for a validation of its own"
                raise ConfigError("task.val_fraction", f"{problem}; use another share, or `task.val_path`")
        if val and not places["val"]:
            problem = f"this share of {len(labels)} training series leaves none of any class for validation"
            raise ConfigError("task.val_fraction", f"{problem}; use a larger share, or `task.val_path`")
        return {split: sorted(own) for split, own in places.items()}

    @functools.cached_property
    def scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each channel over all steps of the training series, in float64."""
        names = [self.files["train"].channels[place] for place in self._chosen]
        return scales(np.concatenate(self.parts["train"][0]), names, "channel", "all training series")

    # The model and what it shows -----------------------------------------------------------------------------

    def texts(self, split: Split) -> list[str]:
        if split in self.files and split != "train":
            return self.files[split].places
        return [f"series {number} of the {split} part" for number in range(self.size(split))]

    def neighbour(self) -> float:
        """The accuracy of one nearest neighbour on the test; NaN where there is no test."""
        train, test = self.data["train"], self.data["test"]
        answers = train["labels"][nearest(train["inputs"], test["inputs"])]
        return float((answers == test["labels"]).double().mean())

    def summary(self, model: nn.Module) -> Summary:
        shown = super().summary(model)
        if not self.size("test"):
            return shown
        accuracy = self.neighbour()
        line = f"One nearest neighbour (Euclidean distance) gives {accuracy:.4f} of the test its class."
        return Summary(shown.data, f"{shown.page}\n{line}\n", shown.metrics | {"nearest_neighbour": accuracy})

    def encoded(self, examples: list[Any]) -> Batch:
        """The series, in their own unit, scaled as those of the training."""
        return new_data.numbers(examples, self.features, (0.0, 1.0) if self.path is None else self.scale)

    def assets(self) -> dict[str, Any]:
        scale = {} if self.path is None else {"scale": [numbers.tolist() for numbers in self.scale]}
        return super().assets() | scale

    def adopt(self, assets: dict[str, Any]) -> None:
        if "scale" in assets:  # earlier versions asked the data for it
            mean, deviation = assets["scale"]
            self.scale = (np.array(mean), np.array(deviation))
        self.class_names, self.features = list(assets["classes"]), int(assets["features"])
