"""Directories that a user names: what their names may be."""

import re

from rnnsweep.errors import ConfigError

LONGEST = 255
"""Bytes that a file system allows for a name."""


def directory(key: str, path: str) -> str:
    """The path, if a directory can have it.

    Raises:
        ConfigError: it is empty, or a part of it is no name.
    """
    if not path.strip():
        raise ConfigError(key, "expected a directory, got an empty text")
    for part in path.split("/"):
        if re.search(r"[\x00-\x1f\x7f]", part):
            raise ConfigError(key, f"{part!r} holds a control character, which a name must not")
        if len(part.encode("utf-8", "surrogateescape")) > LONGEST:
            raise ConfigError(key, f"`{part[:20]}…` has more than the {LONGEST} bytes that a name may have")
    return path


def name_below(key: str, name: str) -> str:
    """The name, if it names a directory below another one: `mine`, or `mine/first`.

    Raises:
        ConfigError: it leads elsewhere, hides its directory, or no directory can have it.
    """
    directory(key, name)
    for part in name.split("/"):
        if not part.strip() or part.startswith("."):
            problem = f"`{name}` has a part that is empty or begins with a dot"
            raise ConfigError(key, f"{problem}; expected a name such as `mine`, or names such as `mine/first`")
    return name
