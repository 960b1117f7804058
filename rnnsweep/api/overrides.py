"""Settings in Python as the words of the command line."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from rnnsweep.errors import ConfigError

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
        return ",".join(text(key, each) for each in value)
    return text(key, value)


def text(key: str, value: Any) -> str:
    """A value in Hydra's grammar.

    Raises:
        ConfigError: no setting can have it.
    """
    match value:
        case None:
            return "null"
        case bool() | np.bool_():
            return str(bool(value)).lower()
        case int() | float() | np.integer() | np.floating():
            return repr(value.item() if isinstance(value, np.generic) else value)
        case str():
            return quoted(value)
        case os.PathLike():
            return quoted(os.fspath(value))
        case Mapping():
            return "{" + ",".join(f"{quoted(str(name))}:{text(key, each)}" for name, each in value.items()) + "}"
        case list() | tuple() | range() | np.ndarray():
            return "[" + ",".join(text(key, each) for each in value) + "]"
    problem = f"got {type(value).__name__}; expected a number, a text, a list, a dictionary, True, False or None"
    raise ConfigError(key, problem)


def quoted(value: str) -> str:
    """A text as Hydra reads it back, whatever it holds; `${...}` stays an interpolation."""
    return '"' + re.sub(r'(\\*)("|$)', lambda found: 2 * found[1] + (found[2] and '\\"'), value) + '"'
