"""Values of settings: which are one level, how each is shown, and in which order a reader expects them."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd

FAMILIES = ("rnn", "gru", "lstm", "last", "mean", "max", "attention", "adamw", "adam", "sgd", "rmsprop", "first_step")
"""The order in which a reader expects names; others come after these, by the alphabet."""

DIGITS = range(6, 18)
"""Significant digits of a number; as many as tell it from the other values of its setting."""


def exact(value: Any) -> str:
    """A text that two values share where they are one level: 1 and 1.0, but neither `null` and null nor 1 and true."""
    if value is None:
        return "null"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    return repr(float(value)) if isinstance(value, int | float) else f"'{value}"


def label(value: Any, digits: int = DIGITS[0]) -> str:
    """A value as it is shown: the YAML word for it."""
    if isinstance(value, float):
        return format(value, f".{digits}g")
    return exact(value) if value is None or isinstance(value, bool | np.bool_) else str(value)


def labels(column: pd.Series) -> pd.Series:
    """The values of one setting as they are shown: values that differ are shown differently."""
    keys = column.map(exact)
    seen = dict(zip(keys, column, strict=True))
    numbers = [value for value in seen.values() if isinstance(value, float)]
    digits = next((n for n in DIGITS if len({label(number, n) for number in numbers}) == len(numbers)), DIGITS[-1])
    words = {label(value, digits) for value in seen.values() if not isinstance(value, str)}
    shown = {
        key: json.dumps(value, ensure_ascii=False)
        if isinstance(value, str) and value in words
        else label(value, digits)
        for key, value in seen.items()
    }
    return keys.map(shown)


def order(value: Any, shown: str) -> tuple[int, float, str, list[tuple[str, float]]]:
    """What a level is sorted by: null, then numbers, then names; numbers within a name count as numbers."""
    if value is None:
        return 0, 0.0, "", []
    if isinstance(value, int | float):
        return 1, float(value), "", _by_number(shown)
    known = FAMILIES.index(value) if value in FAMILIES else len(FAMILIES)
    return 2, float(known), str(value), _by_number(shown)


def _by_number(text: str) -> list[tuple[str, float]]:
    """The text with its numbers as numbers, so that `window=4` comes before `window=16`."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(text, float(digits)) for text, digits in zip(parts[::2], [*parts[1::2], "0"], strict=True)]
