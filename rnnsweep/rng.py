"""Randomness is data: every random number is a function of (seed, stream, index), never of what ran before.

So a run that is resumed after a kill, a run in a stack and a run alone see the same numbers.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Stream = Literal["init", "data", "split", "dropout", "coins", "sampling"]


def key(seed: int, stream: Stream, *index: int | str) -> int:
    """A 63-bit key for one use of one stream; different arguments give unrelated keys."""
    text = "/".join(map(str, (seed, stream, *index)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, stream: Stream, *index: int | str) -> torch.Generator:
    """A CPU generator that stands at the beginning of the numbers named by the arguments."""
    return torch.Generator().manual_seed(key(seed, stream, *index))


def uniform(seed: int, stream: Stream, *index: int | str) -> Iterator[float]:
    """Numbers in [0, 1), one by one; for generators that decide as they go."""
    source = generator(seed, stream, *index)
    while True:
        yield from torch.rand(4096, generator=source, dtype=torch.float64).tolist()


@contextmanager
def seeded(seed: int, stream: Stream, *index: int | str) -> Iterator[None]:
    """Inside the block torch's global generator, which nn's constructors use, is seeded; after it, as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(seed, stream, *index))
        yield
