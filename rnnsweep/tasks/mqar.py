"""Multi-query associative recall (Arora et al. 2024): read pairs of key and value, then say the value of each key."""

import dataclasses
import functools
import math

import numpy as np
import torch
from torch import Tensor

from rnnsweep import rng
from rnnsweep.data.splits import trained_on
from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.tasks import repeats
from rnnsweep.tasks.answers import BLANK, AnswerTask
from rnnsweep.types import HELD_OUT, Batch, Count, Split


@dataclasses.dataclass(kw_only=True, eq=False)
class MQAR(AnswerTask):
    """Pairs of a key and a value, then blanks among which each key is asked for once.

    Keys of a sequence differ. Half of `symbols` are keys, half values.
    """

    num_pairs: Count = 4
    """Pairs to remember."""
    seq_len: Count = 64
    """Steps of a sequence: two a pair, the others are blanks and questions."""
    symbols: Count = 64
    """Keys and values there are."""
    examples: Count = 20_000
    """Training sequences."""

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        if self.symbols < 2 * self.num_pairs:
            problem = f"half of {self.symbols} symbols are keys, too few for {self.num_pairs} pairs of different keys"
            raise ConfigError("task.symbols", problem, ("task.num_pairs",))
        if self.seq_len < 3 * self.num_pairs:
            problem = f"{self.num_pairs} pairs and as many questions take {3 * self.num_pairs} steps; raise it"
            raise ConfigError("task.seq_len", problem, ("task.num_pairs",))
        made = {split: self._draw(split, count) for split, count in self.sizes.items()}
        half, steps = self.symbols // 2, self.seq_len - 2 * self.num_pairs
        there = math.perm(half, self.num_pairs) * half**self.num_pairs * math.perm(steps, self.num_pairs)
        if self.examples * self.held_out > there:  # then some of the test are expected in training, too
            for split in HELD_OUT:
                known = int(np.isin(repeats.of_batch(made[split]), repeats.of_batch(made["train"])).sum())
                if known:
                    told = trained_on(known, self.held_out, f"{split} sequences")
                    problem = f"of these settings there are only {there:,} sequences"
                    tell_once(f"{told}: {problem}; raise task.seq_len or task.symbols")
        return made

    def _draw(self, split: Split, count: int) -> Batch:
        generator, half = rng.generator(self.seed, "data", split), self.symbols // 2
        keys = 1 + torch.rand(count, half, generator=generator).argsort(1)[:, : self.num_pairs]
        values = 1 + half + torch.randint(half, (count, self.num_pairs), generator=generator)
        free = self.seq_len - 2 * self.num_pairs
        places = torch.rand(count, free, generator=generator).argsort(1)[:, : self.num_pairs]
        return self.sequences(keys, values, places)

    def sequences(self, keys: Tensor, values: Tensor, places: Tensor) -> Batch:
        """From the pairs and where, among the steps after them, each key is asked for (count, num_pairs) each."""
        start = 2 * self.num_pairs
        inputs = torch.full((len(keys), self.seq_len), BLANK)
        inputs[:, 0:start:2], inputs[:, 1:start:2] = keys, values
        inputs.scatter_(1, start + places, keys)
        targets = torch.full_like(inputs, BLANK).scatter(1, start + places, values)
        return {"inputs": inputs, "targets": targets, "lengths": torch.full((len(keys),), self.seq_len)}

    @property
    def equally_likely(self) -> int:
        return self.symbols // 2

    @property
    def symbol_count(self) -> int:
        return 1 + 2 * (self.symbols // 2)
