"""Selective copying (Gu and Dao 2023, section 3.1; Jing et al. 2019): remember the symbols, not the blanks."""

import dataclasses
import functools
import math

import torch
from torch import Tensor

from rnnsweep import rng
from rnnsweep.errors import ConfigError
from rnnsweep.tasks.answers import BLANK, AnswerTask
from rnnsweep.types import Batch, Count, Split


@dataclasses.dataclass(kw_only=True, eq=False)
class SelectiveCopy(AnswerTask):
    """Symbols at random places among blanks; then a sign as often as there were symbols, to write them in order.

    Counting steps cannot solve it: what to keep depends on what is read.
    """

    seq_len: Count = 64
    """Steps among which the symbols stand."""
    remembered: Count = 4
    """Symbols to remember."""
    symbols: Count = 16
    """Different symbols there are."""
    examples: Count = 20_000
    """Training sequences."""

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        if self.remembered > self.seq_len:
            problem = f"{self.remembered} symbols do not fit into {self.seq_len} steps"
            advice = "lower `task.remembered` or raise `task.seq_len`"
            raise ConfigError("task.remembered", f"{problem}; {advice}", ("task.seq_len",))
        there = math.comb(self.seq_len, self.remembered) * self.symbols**self.remembered
        if self.total**2 > there:  # then two of them would be alike
            problem = (
                f"there are only {there:,} sequences of these settings; lower `task.examples` or raise `task.seq_len`"
            )
            raise ConfigError("task.examples", problem, ("task.seq_len", "task.symbols"))
        return {split: self._draw(split, count) for split, count in self.sizes.items()}

    def _draw(self, split: Split, count: int) -> Batch:
        generator = rng.generator(self.seed, "data", split)
        symbols = 1 + torch.randint(self.symbols, (count, self.remembered), generator=generator)
        places = torch.rand(count, self.seq_len, generator=generator).argsort(1)[:, : self.remembered]
        return self.sequences(symbols, places.sort(1).values)

    def sequences(self, symbols: Tensor, places: Tensor) -> Batch:
        """From the symbols, 1 and above, and where they stand, in order (count, remembered) each."""
        count, steps = len(symbols), self.seq_len + self.remembered
        inputs, targets = torch.full((count, steps), BLANK), torch.full((count, steps), BLANK)
        inputs.scatter_(1, places, symbols)
        inputs[:, self.seq_len :] = self.symbols + 1
        targets[:, self.seq_len :] = symbols
        return {"inputs": inputs, "targets": targets, "lengths": torch.full((count,), steps)}

    @property
    def equally_likely(self) -> int:
        return self.symbols

    @property
    def symbol_count(self) -> int:
        return self.symbols + 2
