"""The symbols of a text and their numbers; number 0 is the unknown symbol."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

UNKNOWN = 0


class Vocab:
    """A sorted set of characters, numbered from 1; what is not in it becomes UNKNOWN (0)."""

    def __init__(self, symbols: str):
        self.symbols = "".join(sorted(set(symbols)))

    def __len__(self) -> int:
        return len(self.symbols) + 1

    def encode(self, text: str) -> Int[Tensor, "time"]:
        table = np.zeros(0x110000, dtype=np.int32)
        table[_code_points(self.symbols)] = np.arange(1, len(self))
        return torch.from_numpy(table[_code_points(text)])

    def decode(self, numbers: list[int]) -> str:
        return "".join("\N{REPLACEMENT CHARACTER}" if n == UNKNOWN else self.symbols[n - 1] for n in numbers)


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
