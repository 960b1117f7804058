"""Randomness is data: every random number is a function of (seed, stream, index), never of what ran before.

So a run alone, a run in a stack and a run that is resumed after a kill see the same numbers.
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
    """A CPU generator at the start of the numbers that the arguments name."""
    return torch.Generator().manual_seed(key(seed, stream, *index))


def uniform(seed: int, stream: Stream, *index: int | str) -> Iterator[float]:
    """Numbers in [0, 1), one by one, where it is not known beforehand how many are needed."""
    source = generator(seed, stream, *index)
    while True:
        yield from torch.rand(4096, generator=source, dtype=torch.float64).tolist()


@contextmanager
def seeded(seed: int, stream: Stream, *index: int | str) -> Iterator[None]:
    """Seeds torch's global generator, which nn's constructors use, within the block; after it, all is as before.

    Inside, torch has one thread: with more, an orthogonal matrix would come out with other last digits.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(key(seed, stream, *index))
            yield
    finally:
        torch.set_num_threads(threads)
