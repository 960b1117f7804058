"""The symbols of a text and their numbers; number 0 is the unknown symbol."""

import abc
import collections
import functools
from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from rnnsweep.errors import listed

UNKNOWN = 0
SHOWN = 100  # symbols of a vocabulary in a message


class Vocabulary(abc.ABC):
    """The symbols of a text and their numbers."""

    unit: ClassVar[str]
    """What a symbol is, in the plural."""
    lacking: ClassVar[str] = "do not occur in the training part"
    """What is said of symbols of another part that are not known here."""
    symbols: Sequence[str]
    """The symbols by their numbers, from 1."""

    def __len__(self) -> int:
        return len(self.symbols) + 1

    @abc.abstractmethod
    def encode(self, text: str) -> Int[Tensor, "time"]:
        """The numbers of a text."""

    @abc.abstractmethod
    def decode(self, numbers: list[int]) -> str:
        """The text that numbers stand for."""

    @abc.abstractmethod
    def unknown(self, text: str) -> collections.Counter[str]:
        """How often each unknown symbol of a text occurs."""

    def missing(self, text: str) -> str:
        """The unknown symbols of a text, for a person to read; empty if there are none."""
        unknown = sorted(self.unknown(text))
        return f"the vocabulary lacks {listed(unknown)}; it has {self.shown}" if unknown else ""

    @property
    @abc.abstractmethod
    def shown(self) -> str:
        """The symbols, or the first ones of many, for a message."""


class Vocab(Vocabulary):
    """A sorted set of characters, numbered from 1; what is not in it becomes UNKNOWN (0)."""

    unit: ClassVar[str] = "characters"

    def __init__(self, symbols: str):
        self.symbols: str = "".join(sorted(set(symbols)))

    @classmethod
    def of(cls, text: str) -> "Vocab":
        """The vocabulary of a text."""
        return cls(cls.split(text))

    @classmethod
    def split(cls, text: str) -> str:
        """A text as one character for each symbol."""
        return text

    def unknown(self, text: str) -> collections.Counter[str]:
        found = collections.Counter(self.split(text))
        return collections.Counter({symbol: found[symbol] for symbol in sorted(found) if symbol not in self.symbols})

    @functools.cached_property
    def _numbers(self) -> np.ndarray:
        """The number of each code point of Unicode."""
        table = np.zeros(0x110000, dtype=np.int32)
        table[_code_points(self.symbols)] = np.arange(1, len(self))
        return table

    def encode(self, text: str) -> Int[Tensor, "time"]:
        return torch.from_numpy(self._numbers[_code_points(self.split(text))])

    def padded(self, texts: list[str], width: int) -> tuple[Int[Tensor, "text {width}"], Int[Tensor, "text"]]:
        """The texts as rows of numbers, padded with 0 to `width`, and their lengths."""
        lengths = torch.tensor([len(text) for text in texts])
        rows = torch.zeros(len(texts), width, dtype=torch.int64)
        rows[torch.arange(width) < lengths[:, None]] = self.encode("".join(texts)).long()
        return rows, lengths

    @property
    def boundary(self) -> int:
        """A symbol beyond the characters: it begins and ends a text that is to be written."""
        return len(self)

    def bounded(self, texts: list[str], width: int) -> dict[str, Tensor]:
        """What a writer of these texts reads at each step, what it should answer, and how many steps there are."""
        rows, lengths = self.padded(texts, width)
        edge = torch.full((len(rows), 1), self.boundary)
        targets = torch.cat([rows, torch.zeros_like(edge)], 1).scatter(1, lengths[:, None], self.boundary)
        return {"inputs": torch.cat([edge, rows], 1), "targets": targets, "lengths": lengths + 1}  # (text, width + 1)

    def ended(self, numbers: list[int]) -> str:
        """The text up to its boundary, or all of it."""
        return self.decode(numbers[: numbers.index(self.boundary)] if self.boundary in numbers else numbers)

    @property
    def shown(self) -> str:
        more = f" and {len(self.symbols) - SHOWN:,} more" if len(self.symbols) > SHOWN else ""
        return f"{self.symbols[:SHOWN]!r}{more}"

    def decode(self, numbers: list[int]) -> str:
        return "".join("\N{REPLACEMENT CHARACTER}" if n == UNKNOWN else self.symbols[n - 1] for n in numbers)


class Bytes(Vocab):
    """The bytes of a text in UTF-8, numbered from 1; each is written as the character of its number.

    A byte that is no UTF-8 stands in a text as a lone surrogate (Python's `surrogateescape`), so that any file can be
    read.
    """

    unit: ClassVar[str] = "bytes"

    @classmethod
    def split(cls, text: str) -> str:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")

    @staticmethod
    def joined(symbols: str) -> str:
        """The text of which `split` gives these symbols."""
        return symbols.encode("latin-1").decode("utf-8", "surrogateescape")

    def decode(self, numbers: list[int]) -> str:
        content = b"".join(b"\xef\xbf\xbd" if n == UNKNOWN else self.symbols[n - 1].encode("latin-1") for n in numbers)
        return content.decode("utf-8", "replace")


EOS, UNK = "<eos>", "<unk>"


class WordVocab(Vocabulary):
    """Words and the end of a line, the most frequent first, numbered from 1; what is not in it is `<unk>`, 0.

    A word is what stands between blanks; nothing is lowered or cut. `<unk>` in a text is the unknown word itself.

    Args:
        words: in the order of their numbers.
    """

    unit: ClassVar[str] = "words"
    lacking: ClassVar[str] = "are not in the vocabulary"

    def __init__(self, words: Sequence[str]):
        self.symbols: list[str] = list(words)
        self._numbers = {word: number for number, word in enumerate(self.symbols, 1)} | {UNK: UNKNOWN}

    @staticmethod
    def split(text: str) -> list[str]:
        """The words of a text, with `<eos>` for each line end."""
        return [word for line in text.split("\n") for word in (*line.split(), EOS)][:-1]

    def encode(self, text: str) -> Int[Tensor, "time"]:
        return torch.tensor([self._numbers.get(word, UNKNOWN) for word in self.split(text)], dtype=torch.int32)

    def decode(self, numbers: list[int]) -> str:
        """The words with a blank before each that does not begin a line."""
        names = (UNK if number == UNKNOWN else self.symbols[number - 1] for number in numbers)
        return "".join("\n" if name == EOS else f" {name}" for name in names).replace("\n ", "\n")

    def unknown(self, text: str) -> collections.Counter[str]:
        found = collections.Counter(self.split(text))
        return collections.Counter({word: found[word] for word in sorted(found) if word not in self._numbers})

    @property
    def shown(self) -> str:
        return listed(self.symbols)


class Words:
    """A sorted set of words, numbered from 1; what is not in it becomes UNKNOWN (0)."""

    def __init__(self, words: Iterable[str]):
        self.words = sorted(set(words))
        self._numbers = {word: number for number, word in enumerate(self.words, 1)}

    def __len__(self) -> int:
        return len(self.words) + 1

    def unknown(self, text: list[str]) -> set[str]:
        """The words of a text that are not in it."""
        return {*text} - self._numbers.keys()

    def padded(self, texts: list[list[str]], width: int) -> tuple[Int[Tensor, "text {width}"], Int[Tensor, "text"]]:
        """The texts as rows of numbers, padded with 0 to `width`, and their lengths."""
        rows = [[self._numbers.get(word, UNKNOWN) for word in text] + [0] * (width - len(text)) for text in texts]
        return torch.tensor(rows), torch.tensor([len(text) for text in texts])


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
