"""What the tasks over labelled texts share: where the texts come from, their splits and classes."""

import abc
import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from rnnsweep.data import labelled, languages, splits
from rnnsweep.data.labelled_source import LabelledSource
from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.tasks import new_data, own_parts
from rnnsweep.tasks.examples import ExampleTask
from rnnsweep.types import EXECUTION, FROM_FILES, LATER, MADE_UP, Count, Rate, Split
from rnnsweep.vocab import Vocab


@dataclasses.dataclass(kw_only=True, eq=False)
class LabelledTask(ExampleTask):
    """Texts with the class that each belongs to: the user's, or made up.

    The user's texts are split in the same way for every seed, so that runs are compared on the same ones; made-up texts
    come from the run's seed. A text that occurs in several classes lies in one split with all of them.
    """

    symbol: ClassVar[str] = "characters"
    """What is read at each step, in the plural."""

    path: Annotated[str | None, EXECUTION] = None
    """A folder with a text file for each class, or a CSV file of text and label; or a folder that holds `train`,
    `valid` and `test`, each one of these. None: made up. A run is known by the content."""
    val_path: Annotated[str | None, EXECUTION] = None
    """The same for the validation; None: the share `val_fraction` of the texts."""
    test_path: Annotated[str | None, EXECUTION] = None
    """The same for the test; None: the share `test_fraction` of the texts."""
    examples: Annotated[Count, MADE_UP] = 6000
    """Texts to make up where there is no path."""
    max_len: Count = 20
    """Symbols of a text that are read; longer texts are cut."""
    val_fraction: Rate = 0.1
    """Share of the texts for validation."""
    test_fraction: Rate = 0.1
    """Share of the texts for the test."""
    split_by: labelled.Together = "texts"
    """What the split divides. texts: the different texts, so that no test text was trained on. lines: the lines of the
    data, as in published figures; a text that occurs often is then mostly known from training."""

    encoding: Annotated[str, LATER, FROM_FILES] = "utf-8"
    """The encoding of the files."""
    missing: Annotated[labelled.Missing, LATER, FROM_FILES] = "refuse"
    """What to do with a row of a table that lacks its text or its label: refuse, or drop it."""

    @abc.abstractmethod
    def made_up(self) -> list[tuple[str, str]]:
        """(text, class) pairs from the seed."""

    def symbols_of(self, text: str) -> Sequence[str]:
        """A text as the symbols that are read."""
        return text

    @abc.abstractmethod
    def cut(self, text: str) -> str:
        """The text as it is read: no longer than `max_len`."""

    @functools.cached_property
    def source(self) -> LabelledSource | None:
        """The files; None where the texts are made up."""
        if self.path is None:
            for split, path in (("val", self.val_path), ("test", self.test_path)):
                if path is not None:
                    raise ConfigError(f"task.{split}_path", "give `task.path`, the training texts, too")
            return None
        return LabelledSource(self.path, self.val_path, self.test_path, self.encoding, self.missing)

    @property
    def source_hash(self) -> str:
        return "" if self.source is None else self.source.sha256

    @functools.cached_property
    def parts(self) -> dict[Split, list[tuple[str, str]]]:
        """The (text, class) pairs of each split, as they are read."""
        seed, given = 0, dict[Split, Iterable[tuple[str, str]]]()
        if self.source is None:
            seed, given = self.seed, {"train": self.made_up()}
        else:
            given |= {split: texts.pairs for split, texts in self.source.files.items()}
        cut = {split: [(self.cut(text), label) for text, label in pairs] for split, pairs in given.items()}
        made = labelled.parts(cut, self.val_fraction, self.test_fraction, seed, self.split_by)
        own_parts.tell_idle_shares(self, given)
        if self.source is not None:
            self._tell([text for texts in self.source.files.values() for text, _ in texts.pairs], made)
        return made

    def is_cut(self, text: str) -> bool:
        """Whether `cut` leaves symbols of a text out."""
        return len(text) > self.max_len

    def _tell(self, texts: list[str], parts: dict[Split, list[tuple[str, str]]]) -> None:
        """Says how many of the user's texts are not read whole, and which classes and symbols a part lacks."""
        if long := sum(map(self.is_cut, texts)):
            tell_once(f"`{self.path}`: {long:,} of {len(texts):,} texts are cut to their first {self.max_len} symbols")
        labels = {split: {label for _, label in part} for split, part in parts.items()}
        splits.tell_without(self.path, set[str]().union(*labels.values()), {**labels}, "text")
        found = {split: Counter(s for text, _ in part for s in self.symbols_of(text)) for split, part in parts.items()}
        for split in splits.NAMED:
            unknown = Counter({symbol: n for symbol, n in found[split].items() if symbol not in found["train"]})
            what = self.symbol, "do not occur in the training part"
            splits.tell_unknown(self.path, split, unknown, found[split].total(), what)

    def checked(self, examples: list[Any]) -> list[str]:
        """New texts as they are read; what is cut is said.

        Raises:
            ConfigError: one is no text, or empty.
        """
        texts = new_data.texts(examples)
        cut = [self.cut(text) for text in texts]
        if "" in cut:
            raise ConfigError(new_data.KEY, f"{new_data.named(cut.index(''))} is an empty text")
        if any(map(self.is_cut, texts)):
            tell_once(f"{new_data.KEY}: longer texts are cut to their first {self.max_len} symbols, as in training")
        return cut

    @functools.cached_property
    def classes(self) -> list[str]:
        return sorted({label for part in self.parts.values() for _, label in part})

    def labels(self, split: Split) -> Int[Tensor, "example"]:
        number = {label: index for index, label in enumerate(self.classes)}
        return torch.tensor([number[label] for _, label in self.parts[split]], dtype=torch.int64)

    def texts(self, split: Split) -> list[str]:
        return [text for text, _ in self.parts[split]]


@dataclasses.dataclass(kw_only=True, eq=False)
class NamesTask(LabelledTask):
    """Names, read character by character; where there is no path, of artificial languages."""

    def made_up(self) -> list[tuple[str, str]]:
        return languages.names(self.examples, self.max_len, self.seed)

    def cut(self, text: str) -> str:
        return text[: self.max_len]

    @functools.cached_property
    def vocab(self) -> Vocab:
        """The characters of the training names, or of the artificial languages."""
        return Vocab(languages.SYMBOLS if self.path is None else "".join(self.texts("train")))

    def assets(self) -> dict[str, Any]:
        return {"symbols": self.vocab.symbols, "classes": self.classes}

    def adopt(self, assets: dict[str, Any]) -> None:
        self.vocab, self.classes = Vocab(assets["symbols"]), list(assets["classes"])
