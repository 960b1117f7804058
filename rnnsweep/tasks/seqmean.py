"""The mean of a sequence of numbers."""

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor

from rnnsweep.tasks.regression import DrawnRegression
from rnnsweep.types import Count


@dataclasses.dataclass(kw_only=True, eq=False)
class SeqMean(DrawnRegression):
    """Numbers uniform in [0, 1); always answering 1/2 has a mean squared error of 1 / (12 seq_len)."""

    features: ClassVar[int] = 1

    seq_len: Count = 20
    """Numbers in a sequence."""

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        numbers = torch.rand(count, self.seq_len, 1, generator=generator)
        return numbers, numbers.mean((1, 2))
