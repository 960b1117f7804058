"""Settings in Python as the words of the command line."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from rnnsweep.errors import ConfigError
from rnnsweep.override_text import value_text

Overrides = str | Mapping[str, Any] | Iterable[str]
"""A word of the command line such as "task=parity", several of them, or a dictionary of settings."""

Words = list[str]

GROUPS = ("task", "cell", "pooling", "optimizer", "train", "hydra.sweeper", "hydra.launcher")
"""Whose settings may stand in a dictionary of their own; a dictionary elsewhere is one value."""


def words(given: Iterable[Overrides], sweeps: bool = False) -> Words:
    """The words of the command line that say the same.

    Args:
        given: words; or settings by name, as in `{"task": "parity", "cell.hidden_size": 8, "train": {"steps": 300}}`.
        sweeps: whether a list among the values of a dictionary means a run for each of them.

    Raises:
        ConfigError: a value is not one that a setting can have.

    Example:
        >>> words(["task=parity", {"cell": "gru", "seed": [0, 1]}], sweeps=True)
        ['task=parity', 'cell="gru"', 'seed=0,1']
    """
    found: Words = []
    for each in given:
        if isinstance(each, str):
            found.append(each)
        elif isinstance(each, Mapping):
            found += [f"{key}={_alternatives(key, value, sweeps)}" for key, value in _flat(each)]
        else:
            found += words(each, sweeps)
    return found


def _flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The settings one by one: `{"train": {"steps": 5}}` is `train.steps`."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and key in GROUPS:
            yield from ((f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value


def _alternatives(key: str, value: Any, sweeps: bool) -> str:
    if sweeps and isinstance(value, list | tuple | range | np.ndarray):
        if not len(value):
            raise ConfigError(key, "expected one value at least, got an empty list")
        return ",".join(_text(key, each) for each in value)
    return _text(key, value)


def _text(key: str, value: Any) -> str:
    try:
        return value_text(value)
    except TypeError as error:
        raise ConfigError(key, str(error)) from None
