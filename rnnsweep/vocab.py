"""The symbols of a text and their numbers; number 0 is the unknown symbol."""

import functools
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from rnnsweep.errors import listed

UNKNOWN = 0
SHOWN = 100  # symbols of a vocabulary in a message


class Vocab:
    """A sorted set of characters, numbered from 1; what is not in it becomes UNKNOWN (0)."""

    def __init__(self, symbols: str):
        self.symbols = "".join(sorted(set(symbols)))

    def __len__(self) -> int:
        return len(self.symbols) + 1

    @functools.cached_property
    def _numbers(self) -> np.ndarray:
        """The number of each code point of Unicode."""
        table = np.zeros(0x110000, dtype=np.int32)
        table[_code_points(self.symbols)] = np.arange(1, len(self))
        return table

    def encode(self, text: str) -> Int[Tensor, "time"]:
        return torch.from_numpy(self._numbers[_code_points(text)])

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

    def missing(self, text: str) -> str:
        """The characters of a text that are not known here, for a person to read; empty where all are."""
        unknown = sorted(set(text) - set(self.symbols))
        more = f" and {len(self.symbols) - SHOWN:,} more" if len(self.symbols) > SHOWN else ""
        known = f"{self.symbols[:SHOWN]!r}{more}"
        return f"the vocabulary lacks {listed(unknown)}; it has {known}" if unknown else ""

    def decode(self, numbers: list[int]) -> str:
        return "".join("\N{REPLACEMENT CHARACTER}" if n == UNKNOWN else self.symbols[n - 1] for n in numbers)


class Words:
    """A sorted set of words, numbered from 1; what is not in it becomes UNKNOWN (0)."""

    def __init__(self, words: Iterable[str]):
        self.words = sorted(set(words))
        self._numbers = {word: number for number, word in enumerate(self.words, 1)}

    def __len__(self) -> int:
        return len(self.words) + 1

    def padded(self, texts: list[list[str]], width: int) -> tuple[Int[Tensor, "text {width}"], Int[Tensor, "text"]]:
        """The texts as rows of numbers, padded with 0 to `width`, and their lengths."""
        rows = [[self._numbers.get(word, UNKNOWN) for word in text] + [0] * (width - len(text)) for text in texts]
        return torch.tensor(rows), torch.tensor([len(text) for text in texts])


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
