"""Values of settings: which values are one level, how a level is named, and the order of levels."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd

FAMILIES = ("rnn", "gru", "lstm", "last", "mean", "max", "attention", "adamw", "adam", "sgd", "rmsprop", "first_step")
"""The order in which a reader expects names; others come after these, by the alphabet."""

NAMES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "slstm": "sLSTM", "mlstm": "mLSTM", "mlp_window": "windowed MLP"}
WORDS = {"cell": "", "pooling": " pooling", "optimizer": ""}
"""How text, tables and figures name levels of these groups; a command has `cell=gru`."""

DIGITS = range(6, 18)
"""The fewest and the most significant digits of a number; the fewest that keep different values different."""


def exact(value: Any) -> str:
    """A text that is equal for values of one level: for 1 and 1.0, but not for "null" and null, nor for 1 and true."""
    if value is None:
        return "null"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    return repr(float(value)) if isinstance(value, int | float) else f"'{value}"


def label(value: Any, digits: int = DIGITS[0]) -> str:
    """A value as YAML writes it."""
    if isinstance(value, float):
        return format(value, f".{digits}g")
    return exact(value) if value is None or isinstance(value, bool | np.bool_) else str(value)


def labels(column: pd.Series) -> pd.Series:
    """The values of one setting as text. Different values get different texts."""
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
    """The sort key of a level: null, then numbers, then names. A number within a name counts as a number."""
    if value is None:
        return 0, 0.0, "", []
    if isinstance(value, int | float):
        return 1, float(value), "", _by_number(shown)
    known = FAMILIES.index(value) if value in FAMILIES else len(FAMILIES)
    return 2, float(known), str(value), _by_number(shown)


def _by_number(text: str) -> list[tuple[str, float]]:
    """A sort key in which `window=4` comes before `window=16`."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(text, float(digits)) for text, digits in zip(parts[::2], [*parts[1::2], "0"], strict=True)]


def level_name(key: str, level: str) -> str:
    """A level as a sentence names it: LSTM, mean pooling, train.clip=1."""
    if key in WORDS:
        first, *more = level.split(" ", 1)
        return " ".join([NAMES.get(first, first) + WORDS[key], *more])
    return f"{key}={level}"


def short_name(key: str, level: str) -> str:
    """A level beside the name of its factor, as in a table's column or on an axis: LSTM, mean pooling, 1."""
    return level_name(key, level) if key in WORDS else level
