"""`task.check`: no example of the validation or of the test occurs in the training part."""

import hashlib
from collections.abc import Iterable

import numpy as np
from jaxtyping import Int, UInt64
from numpy.typing import NDArray
from torch import Tensor

from rnnsweep.errors import ConfigError
from rnnsweep.types import Batch, Split

Digests = NDArray[np.uint64]
"""A number for each example; two examples of equal content have the same one."""

FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no power of it is 0


def of_batch(batch: Batch) -> Digests:
    """What a model reads of each sequence of a batch, without its padding."""
    name, lengths = ("source", "source_lengths") if "source" in batch else ("inputs", "lengths")
    ends = batch[lengths].tolist() if lengths in batch else [None] * len(batch[name])
    return of_rows(row[:end] for row, end in zip(batch[name], ends, strict=True))


def of_rows(rows: Iterable[Tensor]) -> Digests:
    """The numbers of sequences, each a row without padding."""
    contents = (hashlib.blake2b(row.numpy().tobytes(), digest_size=8).digest() for row in rows)
    return np.array([int.from_bytes(content) for content in contents], np.uint64)


def of_windows(tokens: Int[Tensor, "section time"], width: int, every: int) -> UInt64[np.ndarray, " window"]:
    """The windows of `width` symbols of each section, each as a polynomial's value modulo 2^64.

    `every`: the symbols between the starts of two windows.
    """
    symbols = tokens.numpy().astype(np.uint64)
    count = max(0, symbols.shape[1] - width + 1)
    values = np.zeros((len(symbols), count), np.uint64)
    for place in range(width if count else 0):
        values = values * FACTOR + symbols[:, place : place + count]
    return values[:, ::every].ravel()


def refuse(train: Digests, held_out: Digests, split: Split, unit: str) -> None:
    """Refuses a part that holds what the training part holds; `unit` says what they are.

    Raises:
        ConfigError: it says how many, and names one.
    """
    known = np.isin(held_out, train)
    if known.any():
        first = int(known.argmax())
        same = int((train == held_out[first]).argmax())
        problem = f"{int(known.sum()):,} of the {len(held_out):,} {unit} of `{split}` occur in `train`, too: number"
        problem = f"{problem} {first} of `{split}` is number {same} of `train`, counted from 0"
        raise ConfigError("task.check", f"{problem}; take them out of one part, or use `task.check=false`")
