"""Sequences of our own making."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from rnnsweep import rng
from rnnsweep.errors import ConfigError


def distinct_binary(
    count: int, min_len: int, max_len: int, seed: int
) -> tuple[Int[Tensor, "count time"], Int[Tensor, "count"]]:
    """`count` different binary sequences with lengths uniform in [min_len, max_len], padded with zeros; and lengths.

    Raises:
        ConfigError: there are not comfortably more sequences than `count`.
    """
    space = sum(2.0**length for length in range(min_len, max_len + 1))
    if count > space / 2:
        problem = f"there are only {space:.0f} binary sequences of this length and {count} are asked for; lower it"
        raise ConfigError("task.examples", f"{problem} or raise `task.seq_len`", ("task.seq_len", "task.held_out"))
    generator = rng.generator(seed, "data")
    rows = np.empty((0, max_len + 1), dtype=np.uint8 if max_len < 256 else np.int32)
    while len(rows) < count:
        bits = torch.randint(0, 2, (count, max_len), generator=generator).numpy()
        lengths = torch.randint(min_len, max_len + 1, (count, 1), generator=generator).numpy()
        bits[np.arange(max_len) >= lengths] = 0
        rows = np.concatenate([rows, np.concatenate([lengths, bits], 1).astype(rows.dtype)])
        rows = rows[np.sort(np.unique(rows, axis=0, return_index=True)[1])]  # first of each, in the order drawn
    kept = torch.from_numpy(rows[:count].astype(np.int64))
    return kept[:, 1:], kept[:, 0]
