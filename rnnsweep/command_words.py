"""The words of a command: which of them set a key, and how a text is typed."""

import shlex
from collections.abc import Sequence

from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.override_text import quoted

UNREAD = {
    "hydra.run.dir": "`out=DIR` says where the directory of a run is made",
    "hydra.sweep.subdir": "`hydra.sweep.dir=DIR` says where a sweep is made; the directory of a run is named by its id",
}
"""Settings of Hydra that would change nothing here, and what to write in their place."""

OF_SWEEPS = ("hydra.sweep", "hydra/sweeper", "hydra.launcher", "hydra/launcher")
"""How the keys begin that a single run does not read."""


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


def refuse_unread(words: Sequence[str]) -> None:
    """Refuses what Hydra accepts and rnnsweep does not read.

    Raises:
        ConfigError: a word sets such a key.
    """
    for word in words:
        if instead := UNREAD.get(key_of(word)):
            raise ConfigError(key_of(word), f"rnnsweep does not read this; {instead}")


def tell_repeated(words: Sequence[str]) -> None:
    """Says which of several words for one key counts: Hydra takes the last one, and says nothing."""
    setting = [word for word in words if "=" in word and not word.startswith("-")]
    last = {key_of(word): word for word in setting}
    for word in dict.fromkeys(setting):
        if word != last[key_of(word)]:
            tell_once(f"`{word}` does nothing beside `{last[key_of(word)]}`: the last word for a key counts")


def tell_of_sweeps(words: Sequence[str]) -> None:
    """Says which words of a single run's command only a sweep reads."""
    unread = [word for word in words if key_of(word).startswith(OF_SWEEPS)]
    if unread:
        tell_once(f"`{'`, `'.join(unread)}`: a single run does not read this; `-m` makes a sweep of the command")
