"""An arm of the tuned comparison, and its best settings."""

import dataclasses
from typing import Any

from numpy.typing import NDArray

from rnnsweep.report.factor import Factor

Seeds = dict[float, int]
"""Seed -> the row of its run."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """The best setting of one arm under one condition."""

    setting: int
    chosen_on: Seeds
    """The runs that made the choice."""
    fresh: Seeds
    """Finished runs of the setting whose seeds took no part in the choice."""
    configurations: int
    """The number of settings that it was chosen from."""
    edges: tuple[tuple[Factor, str], ...]
    """The tuned numbers whose best value is the smallest (`low`) or the largest (`high`) that was tried."""

    @property
    def runs(self) -> Seeds:
        """All finished runs of the setting."""
        return self.chosen_on | self.fresh


@dataclasses.dataclass(frozen=True, eq=False)
class TunedArm:
    """One arm of the comparison: a level of each compared factor, with the best setting under each condition."""

    levels: tuple[str, ...]
    name: str
    choices: dict[int, Choice]
    """The best setting by condition; a condition under which too few seeds finished is missing."""
    tried: int
    """The number of configurations over all conditions."""
    rows: NDArray[Any] = dataclasses.field(compare=False, repr=False)

    @property
    def used(self) -> int:
        """The number of configurations that the best settings were chosen from, over all conditions."""
        return sum(choice.configurations for choice in self.choices.values())

    @property
    def best(self) -> list[int]:
        """The rows of all finished runs of the arm's best settings."""
        return [row for choice in self.choices.values() for row in choice.runs.values()]

    @property
    def edges(self) -> tuple[tuple[Factor, str], ...]:
        return tuple({(f.key, end): (f, end) for c in self.choices.values() for f, end in c.edges}.values())
