"""A factor: a setting that varies among the runs of one task."""

import dataclasses
from typing import Any

from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Factor:
    """A setting that varies among the runs, with the settings that change together with it."""

    key: str
    levels: tuple[str, ...]
    """The levels as text, in the order in which they are shown."""
    numbers: tuple[float, ...] | None
    """The levels as numbers; None unless all levels are numbers."""
    column: NDArray[Any] = dataclasses.field(compare=False, repr=False)
    """The index of each run's level; -1 for a run that has none."""
    together: tuple[str, ...] = ()
    """Other settings that always change together with this one. These runs cannot tell their effects apart."""
    derived: tuple[str, ...] = ()
    """Settings that follow from this one, such as an optimizer's own default learning rate."""

    @property
    def keys(self) -> tuple[str, ...]:
        """This setting and those that always change together with it."""
        return (self.key, *self.together)

    @property
    def label(self) -> str:
        return f"{self.key} (with {', '.join(self.together)})" if self.together else self.key
