"""The adding problem of Hochreiter and Schmidhuber (1997): add two marked numbers of a long sequence."""

import dataclasses
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from rnnsweep.tasks.regression import DrawnRegression


@dataclasses.dataclass(kw_only=True, eq=False)
class Adding(DrawnRegression):
    """Numbers uniform in [0, 1) beside marks, of which one lies in each half (Le et al. 2015, Bai et al. 2018).

    Always answering 1 has a mean squared error of 1/6.
    """

    features: ClassVar[int] = 2

    seq_len: Annotated[int, Ge(2)] = 200
    """Steps of a sequence."""

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        numbers = torch.rand(count, self.seq_len, generator=generator)
        half = self.seq_len // 2
        first = torch.randint(half, (count, 1), generator=generator)
        second = torch.randint(half, self.seq_len, (count, 1), generator=generator)
        marks = torch.zeros_like(numbers).scatter(1, first, 1.0).scatter(1, second, 1.0)
        return torch.stack([numbers, marks], 2), (numbers * marks).sum(1)
