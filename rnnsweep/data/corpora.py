"""Texts to model, read from a file or from Python itself, split and numbered once for all runs of a process."""

import collections
import dataclasses
import functools
import hashlib

import torch
from jaxtyping import Int
from torch import Tensor

from rnnsweep.data.files import read
from rnnsweep.errors import ConfigError, listed, tell_once
from rnnsweep.types import Split
from rnnsweep.vocab import Vocab


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A text, where it came from, and the SHA-256 of its bytes."""

    text: str
    source: str
    sha256: str


@functools.lru_cache(maxsize=4)
def load(path: str | None, encoding: str = "utf-8") -> Corpus:
    """The text of a file, line ends as \\n; None: the reference text that comes with this Python.

    Raises:
        ConfigError: names `task.text` when the file is missing, a directory, empty, or not text.
    """
    if path is None:
        return _python_topics()
    file = read(path, "task.text")
    text = file.text(encoding)
    if not text.strip():
        raise file.wrong(f"`{path}` is empty")
    return Corpus(text.replace("\r\n", "\n"), path, file.sha256)


def _python_topics() -> Corpus:
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    return Corpus(text, "pydoc_data.topics", hashlib.sha256(text.encode()).hexdigest())


class SplitText:
    """A corpus cut into `sections` of equal length, each split into train, validation and test in this order.

    The vocabulary is that of the training part.

    Raises:
        ConfigError: too little is left to train on or to validate with.
    """

    def __init__(self, corpus: Corpus, sections: int, val_fraction: float, test_fraction: float):
        size = len(corpus.text) // sections
        cut = [corpus.text[i * size : (i + 1) * size] for i in range(sections)]
        train, val = round(size * (1 - test_fraction - val_fraction)), round(size * (1 - test_fraction))
        if train < 1 or val - train < 2:
            problem = f"sections of {size} characters leave too little to train on or validate with"
            problem = f"{problem}; use a longer text, or other fractions"
            raise ConfigError("task.val_fraction", problem, ("task.test_fraction", "task.sections", "task.text"))
        self.parts: dict[Split, list[str]] = {
            "train": [section[:train] for section in cut],
            "val": [section[train:val] for section in cut],
            "test": [section[val:] for section in cut],
        }
        self.vocab = Vocab("".join(self.parts["train"]))

    @functools.cached_property
    def tokens(self) -> dict[Split, Int[Tensor, "section time"]]:
        """The symbols of each split, a row for each section."""
        return {split: torch.stack([self.vocab.encode(p) for p in parts]) for split, parts in self.parts.items()}


@functools.lru_cache(maxsize=8)
def split(
    path: str | None, sections: int, val_fraction: float, test_fraction: float, encoding: str = "utf-8"
) -> SplitText:
    """The split text of a path; made once for all runs of a process.

    Says so where the validation part holds symbols that the training part lacks: all of them are one symbol, unknown.
    """
    made = SplitText(load(path, encoding), sections, val_fraction, test_fraction)
    symbols = collections.Counter("".join(made.parts["val"]))
    unknown = {symbol: count for symbol, count in sorted(symbols.items()) if symbol not in made.vocab.symbols}
    if unknown:
        share = f"{100 * sum(unknown.values()) / symbols.total():.2g}%"
        problem = f"{share} of the characters in the validation part do not occur in the training part"
        tell_once(f"`{path}`: {problem} ({listed(unknown, 5)}); they all count as one, the unknown symbol")
    return made
