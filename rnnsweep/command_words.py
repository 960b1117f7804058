"""The words of a command: which of them set a key, and how a text is typed."""

import shlex
from collections.abc import Sequence

from rnnsweep.override_text import quoted


def override_of_texts(key: str, *values: str) -> str:
    """What to type so that values are texts, whatever characters they hold.

    Hydra reads the inner quotes, the shell the outer ones.
    """
    return shlex.quote(f"{key}=" + ",".join(map(quoted, values)))


def key_of(word: str) -> str:
    """The key of a word such as `+cell.hidden_size=64`."""
    return word.lstrip("+~").split("=")[0].split("@")[0]


def word_of(key: str, words: Sequence[str]) -> str | None:
    """The word that set `key`, else one that set something in it."""
    exact = [word for word in reversed(words) if key_of(word) == key]  # the last one counts
    return next(iter(exact + [word for word in words if key_of(word).startswith(f"{key}.")]), None)


def word_above(key: str, words: Sequence[str]) -> str | None:
    """The word that chose the group or set the dictionary in which `key` is."""
    return next((word for word in reversed(words) if "=" in word and key.startswith(f"{key_of(word)}.")), None)
