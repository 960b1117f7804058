"""Config files of a user that no run reads, because a shipped file of the same name comes first."""

import filecmp
import itertools
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rnnsweep.errors import tell_once
from rnnsweep.files import shown

SHOWN = 3


def tell_hidden(sources: Sequence[Any]) -> None:
    """Says in one line which files are hidden, and what to do.

    Args:
        sources: where Hydra looks for configs, in its order; each has a `provider`, a `schema` and a `path`.
    """
    found = list(_hidden(sources))
    if not found:
        return
    names = ", ".join(f"`{shown(folder / file)}`" for folder, file in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    which = "is not read: a shipped file of this name hides it"
    which = which if len(found) == 1 else "are not read: shipped files of these names hide them"
    _, first = found[0]
    group = "+study" if first.parent.name == "study" else first.parent.as_posix()
    choice = f", and choose `{group}=my_{first.stem}`" if first.parent.name else ""
    tell_once(f"{names}{more} {which}; rename yours, for example to `my_{first.name}`{choice}")


def _hidden(sources: Sequence[Any]) -> Iterator[tuple[Path, Path]]:
    """The user's folders with the files in them, relative to the folder, that a shipped file hides."""
    own = [source for source in sources if source.provider.startswith(("command-line", "hydra.searchpath"))]
    for shipped in (Path(source.path) for source in sources if source.provider == "main"):
        names = sorted(file.relative_to(shipped) for file in shipped.rglob("*.yaml"))
        for folder, name in itertools.product((folder for source in own for folder in _folders(source)), names):
            if (folder / name).is_file() and not filecmp.cmp(folder / name, shipped / name, shallow=False):
                yield folder, name


def _folders(source: Any) -> list[Path]:
    if source.schema == "file":
        return [Path(source.path)]
    found = find_spec(source.path.replace("/", ".")) if source.schema == "pkg" else None
    return [Path(folder) for folder in (found.submodule_search_locations or ())] if found else []
