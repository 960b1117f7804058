"""Made-up sequences."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from rnnsweep import rng
from rnnsweep.errors import ConfigError


def distinct(
    count: int, min_len: int, max_len: int, symbols: int, seed: int
) -> tuple[Int[Tensor, "count time"], Int[Tensor, "count"]]:
    """`count` different sequences of numbers below `symbols`, padded with 0, and their lengths in [min_len, max_len].

    Lengths are uniform, except short lengths that have too few different sequences.

    Raises:
        ConfigError: there are not comfortably more sequences than `count`.
    """
    space = sum(float(symbols) ** length for length in range(min_len, max_len + 1))
    if count > space / 2:
        room = f"there are only {space:.0f} different sequences of these lengths, and at most half of them can be drawn"
        problem = f"{room}; {count} are asked for; lower `task.examples` or raise `task.seq_len`"
        raise ConfigError("task.examples", problem, ("task.seq_len", "task.held_out"))
    generator = rng.generator(seed, "data")
    kept, kept_lengths = np.empty((0, max_len), np.uint8), np.empty(0, np.int64)
    while len(kept) < count:
        fresh = torch.randint(0, symbols, (count, max_len), generator=generator, dtype=torch.uint8).numpy()
        lengths = torch.randint(min_len, max_len + 1, (count,), generator=generator).numpy()
        fresh[np.arange(max_len) >= lengths[:, None]] = 0
        kept, kept_lengths = np.concatenate([kept, fresh]), np.concatenate([kept_lengths, lengths])
        first = _first_of_each(np.packbits(kept, axis=1) if symbols == 2 else kept, kept_lengths)
        kept, kept_lengths = kept[first], kept_lengths[first]
    # in a new order: the few short sequences are found early, and each split must have its share of them
    order = torch.randperm(count, generator=generator)
    return torch.from_numpy(kept[:count].astype(np.int64))[order], torch.from_numpy(kept_lengths[:count])[order]


def _first_of_each(sequences: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The places of the rows that differ from all before them, in order."""
    rows = np.concatenate([sequences, lengths[:, None].view(np.uint8)], axis=1)
    whole = np.ascontiguousarray(rows).view(f"V{rows.shape[1]}")[:, 0]  # a row as one value, compared as bytes
    return np.sort(np.unique(whole, return_index=True)[1])
