"""A grid: the product of axes, each with the alternatives of one setting or of several that move together."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

Params = dict[str, Any]
"""Key -> what it ranges over: a list of values, or a text in Hydra's grammar such as `1e-3,3e-3` or `range(5)`."""


@dataclasses.dataclass(frozen=True)
class PointOverride:
    """One override of one point: `text` as on the command line, `value` where it sets a value and not a group."""

    key: str
    text: str
    value: Any
    group: bool
    """Whether Hydra must compose it: a choice of a group, a deletion, and what is merged into what stands there."""


Alternative = tuple[PointOverride, ...]
"""Settings that move together."""

Axis = list[Alternative]
"""What a grid takes the product of."""


def points(blocks: Sequence[list[Axis]]) -> Iterator[dict[str, PointOverride]]:
    """The product of each block's axes, block after block; if two settings have one key, the later one counts."""
    for axes in blocks:
        for alternatives in itertools.product(*axes):
            yield {setting.key: setting for setting in itertools.chain(*alternatives)}
