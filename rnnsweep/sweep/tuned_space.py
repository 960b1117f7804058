"""The points of what is tuned: each arm tries the same ones."""

import itertools
import math
from typing import Any

from rnnsweep.errors import ConfigError
from rnnsweep.sweep.grammar import Grammar
from rnnsweep.sweep.grid import Axis, Params, PointOverride
from rnnsweep.sweep.settings import KEY

Point = tuple[PointOverride, ...]

TRIES = 1000
"""Draws for each wanted point; after these the space is taken to have no more points."""


def texts(grammar: Grammar, tune: Params) -> dict[str, str]:
    """What is tuned: each key with the text of its range."""
    return {key: text.partition("=")[2] for key, text in zip(tune, grammar.texts(tune), strict=True)}


def points(grammar: Grammar, tune: Params, count: int) -> list[Point]:
    """The points of the tuned space.

    All of a finite grid where it has no more than `count`; else distinct random points. A larger `count` keeps the
    points of a smaller one.

    Args:
        grammar: reads the ranges.
        tune: each key with its range.
        count: how many points at most.

    Raises:
        ConfigError: there is only one.
    """
    texts = grammar.texts(tune)
    overrides = list(map(grammar.override, texts))
    if all(not override.is_sweep_override() or override.is_discrete_sweep() for override in overrides):
        axes = [_whole_axis(grammar, text) for text in texts]
        if math.prod(map(len, axes)) <= count:
            every = (tuple(itertools.chain(*each)) for each in itertools.product(*axes))
            found = list({repr(values(point)): point for point in every}.values())  # 1e-3 and 0.001 are one
            if len(found) == 1:
                raise ConfigError(f"{KEY}.tune", "holds one point; give some setting several values or a range")
            return found
    distinct: dict[tuple[str, ...], Point] = {}
    for size in (count * factor for factor in (1, 4, 16, 64, TRIES)):
        for point in grammar.drawn(texts, size):
            distinct.setdefault(tuple(setting.text for setting in point), tuple(point))
        if len(distinct) >= count:
            break
    return list(distinct.values())[:count]


def values(point: Point) -> dict[str, Any]:
    """The settings of a point by key; for a group the name of its choice."""
    return {setting.key: setting.text.partition("=")[2] if setting.group else setting.value for setting in point}


def _whole_axis(grammar: Grammar, text: str) -> Axis:
    """All values of one tuned setting."""
    override = grammar.override(text)
    if not override.is_sweep_override():
        return grammar.axis(text)
    key = override.get_key_element()
    return [axis for value in grammar.alternatives(override) for axis in grammar.axis(f"{key}={value}")]
