"""Packages that are installed beside rnnsweep and bring classes, config groups and views of the report.

A package says so by an entry point of the group `rnnsweep.extensions`, whose value is its name. It then needs neither
`packages=[...]` nor `hydra.searchpath=[...]` on the command line.
"""

import importlib.util
from collections.abc import Sequence
from importlib.metadata import entry_points

from rnnsweep.errors import tell_once

GROUP = "rnnsweep.extensions"
PACKAGES, SEARCHPATH = "packages=", "hydra.searchpath="


def extensions() -> list[str]:
    """The names of the packages."""
    return sorted({point.value for point in entry_points(group=GROUP)})


def extended(words: Sequence[str]) -> list[str]:
    """The words of a command with those that the installed packages stand for; what is typed stays."""
    found = {name: has for name in extensions() if (has := _has_groups(name)) is not None}
    folders = [f"pkg://{name}.conf" for name, has in found.items() if has]
    return _with(SEARCHPATH, folders, _with(PACKAGES, list(found), words))


def _has_groups(name: str) -> bool | None:
    """Whether a package has config groups; None where it cannot be imported, which is said once."""
    try:
        return importlib.util.find_spec(f"{name}.conf") is not None
    except ImportError as error:
        tell_once(f"the extension `{name}` is left out: {error}")
        return None


def _with(key: str, names: Sequence[str], words: Sequence[str]) -> list[str]:
    """The words with these names in the list that a key is set to."""
    typed = next((word for word in reversed(words) if word.startswith(key)), f"{key}[]")
    given = [name.strip() for name in typed.removeprefix(key).strip("[] ").split(",") if name.strip()]
    added = [name for name in names if name not in given]
    if not added:
        return [*words]
    return [*(word for word in words if word != typed), f"{key}[{','.join([*given, *added])}]"]
