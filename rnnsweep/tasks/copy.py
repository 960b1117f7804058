"""Copy and reverse: the simplest sequence-to-sequence tasks, with sequences too long for one fixed vector."""

import dataclasses
import functools
import string
from typing import Annotated, Literal

from annotated_types import Ge, Le

from rnnsweep.data.sequences import distinct
from rnnsweep.errors import ConfigError
from rnnsweep.tasks.examples import DrawnTask
from rnnsweep.tasks.transduction import Pairs, TransductionTask
from rnnsweep.types import Count, Split


@dataclasses.dataclass(kw_only=True, eq=False)
class Copy(DrawnTask, TransductionTask):
    """Write a random string again, or from its end. All strings differ, so that no split holds one of another."""

    order: Literal["forward", "reversed"] = "forward"
    """Of the target: as the source, or from its end."""
    seq_len: Count = 20
    """Symbols of the longest sources."""
    min_len: Count = 1
    """Symbols of the shortest."""
    alphabet: Annotated[int, Ge(2), Le(26)] = 10
    """Different symbols."""

    @property
    def alphabets(self) -> tuple[str, str]:
        letters = string.ascii_lowercase[: self.alphabet]
        return letters, letters

    @functools.cached_property
    def pairs(self) -> dict[Split, Pairs]:
        if self.min_len > self.seq_len:
            problem = "the shortest length is above the longest; lower `task.min_len` or raise `task.seq_len`"
            raise ConfigError("task.min_len", problem, ("task.seq_len",))
        rows, lengths = distinct(self.total, self.min_len, self.seq_len, self.alphabet, self.seed)
        letters = self.alphabets[0]
        every = [
            self.pair("".join(letters[symbol] for symbol in row[:length]))
            for row, length in zip(rows.tolist(), lengths.tolist(), strict=True)
        ]
        return self.split(every)

    def pair(self, source: str) -> tuple[str, str]:
        return source, source if self.order == "forward" else source[::-1]
