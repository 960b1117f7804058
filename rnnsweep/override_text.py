"""Values as text on the command line, in Hydra's grammar of overrides: `lr=0.1`, `name="two words"`, `sizes=[1,2]`."""

import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

NAME = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
"""A text that needs no quotes, unless it is one of WORDS."""

WORDS = ("null", "true", "false", "nan", "inf")
"""Texts that Hydra reads as other values, in upper or lower case."""


def value_text(value: Any) -> str:
    """A value as Hydra reads it back; texts are in quotes.

    Args:
        value: A number, a text, a path, True, False, None, or a list or dictionary of these.

    Raises:
        TypeError: A setting cannot have such a value.

    Example:
        >>> value_text([1, None, "gru"])
        '[1,null,"gru"]'
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
            return "{" + ",".join(f"{_key(str(name))}:{value_text(each)}" for name, each in value.items()) + "}"
        case list() | tuple() | range() | np.ndarray():
            return "[" + ",".join(map(value_text, value)) + "]"
    expected = "expected a number, a text, a list, a dictionary, True, False or None"
    raise TypeError(f"got {type(value).__name__}; {expected}")


def quoted(text: str) -> str:
    """A text in quotes, as Hydra reads it back, whatever characters it has; `${...}` stays an interpolation."""
    return '"' + re.sub(r'(\\*)("|$)', lambda found: 2 * found[1] + (found[2] and '\\"'), text) + '"'


def _key(name: str) -> str:
    """A key of a dictionary; Hydra takes no quotes there."""
    return re.sub(r"([\\()\[\]{}:=, \t])", r"\\\1", name)


def typed(value: Any) -> str:
    """A value as a person types it: a name such as `gru` without quotes, all else like `value_text`."""
    if isinstance(value, str) and NAME.fullmatch(value) and value.lower() not in WORDS:
        return value
    return value_text(value)
