"""Sums of whole numbers, written digit by digit: "535+61" becomes "596"."""

import dataclasses
import functools
import re
from typing import Annotated

import torch
from annotated_types import Ge, Le

from rnnsweep import rng
from rnnsweep.errors import ConfigError
from rnnsweep.tasks.examples import DrawnTask
from rnnsweep.tasks.transduction import Pairs, TransductionTask
from rnnsweep.types import Count, Split


@dataclasses.dataclass(kw_only=True, eq=False)
class Addition(DrawnTask, TransductionTask):
    """Two numbers of up to `digits` digits. All questions differ, also after the terms are exchanged."""

    digits: Annotated[int, Ge(1), Le(9)] = 3
    """Digits of the largest terms."""
    invert: bool = True
    """Read the question from its end (Zaremba and Sutskever 2014)."""
    examples: Count = 50_000
    """Training questions."""

    @property
    def alphabets(self) -> tuple[str, str]:
        return "0123456789+", "0123456789"

    @property
    def widths(self) -> tuple[int, int]:
        return 2 * self.digits + 1, self.digits + 1  # 999+999, 1998

    @functools.cached_property
    def pairs(self) -> dict[Split, Pairs]:
        total, bound = self.total, 10**self.digits
        if total > bound * bound / 4:
            there, most = bound * (bound + 1) // 2, bound * bound // 4
            problem = f"of the {there:,} questions of {self.digits} digits at most {most:,} can be drawn, and {total:,}"
            problem = f"{problem} are asked for; lower `task.examples` or `task.held_out`, or raise `task.digits`"
            raise ConfigError("task.examples", problem, ("task.digits", "task.held_out"))
        draws, found = rng.uniform(self.seed, "data"), dict[tuple[int, int], tuple[int, int]]()
        while len(found) < total:
            # as many digits as often as any other number of digits, or short terms would hardly occur
            a, b = (int(next(draws) * 10 ** (1 + int(next(draws) * self.digits))) for _ in range(2))
            found.setdefault((min(a, b), max(a, b)), (a, b))
        order = torch.randperm(total, generator=rng.generator(self.seed, "data", "order")).tolist()
        terms = list(found.values())
        pairs = (terms[index] for index in order)
        return self.split([(f"{a}+{b}", str(a + b)) for a, b in pairs])

    def read(self, source: str) -> str:
        return source[::-1] if self.invert else source

    def expected(self, source: str) -> str:
        term = rf"(0|[1-9]\d{{0,{self.digits - 1}}})"
        known = re.fullmatch(rf"{term}\+{term}", source, re.ASCII)
        return "" if known else f"a question such as 35+6, with terms of up to {self.digits} digits"
