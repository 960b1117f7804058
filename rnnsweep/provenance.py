"""The code behind a run: rnnsweep's version and the files of its classes, then and now."""

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import rnnsweep
from rnnsweep import checkpoint
from rnnsweep.config import GROUPS, Config, marked, target
from rnnsweep.errors import ConfigError, listed
from rnnsweep.own import loaded
from rnnsweep.record import RunStore
from rnnsweep.train import TrainConfig
from rnnsweep.types import EXECUTION

Code = dict[str, Any]
"""`rnnsweep`: its version; `files`: the SHA-256 of each file, by its path below the folder that holds the package."""

LISTED = 5  # files that a message names

INSTALLED = {"site-packages", "dist-packages"}
"""Folders that hold installed packages of many projects."""


def code(config: Config) -> Code:
    """The code that a run is computed with.

    Of rnnsweep these are the files that the run's `_target_`s name. Of other packages these are also the files of their
    bases, and all that these files import from the same package or from the project that holds it.
    """
    packages = tuple(config.get("packages", ()))
    found: dict[str, str] = {}
    for cls in (*(target(config, group) for group in GROUPS), *_own(config["train"], packages)):
        found |= _files(cls, packages)
    return {"rnnsweep": rnnsweep.__version__, "files": dict(sorted(found.items()))}


def _own(train: Config, packages: tuple[str, ...]) -> Iterator[type]:
    """The classes of the user's that the settings of training name, as far as they change a result."""
    counts = {name: value for name, value in train.items() if name not in marked(TrainConfig, EXECUTION)}
    for value in (*counts.values(), *counts.get("metrics", {}).values()):
        if isinstance(value, dict) and "_target_" in value:
            yield loaded("train", value["_target_"], packages)


def changed(then: Code, now: Code) -> list[str]:
    """The files that are no longer what they were; nothing where it is not known what they were."""
    version = then.get("rnnsweep", now["rnnsweep"])
    upgraded = [f"rnnsweep (version {version}, now {now['rnnsweep']})"] if version != now["rnnsweep"] else []
    files = then.get("files", {})
    return upgraded + [name for name, digest in files.items() if now["files"].get(name) != digest]


def begun(store: RunStore) -> Code:
    """The code that a run began with, or went on with; empty where it is not known."""
    found: Code = store.about().get("code", {})
    return found


def changed_since_start(store: RunStore, config: Config) -> list[str]:
    """What of a run's code changed since the run began, or went on with other code."""
    return changed(begun(store), code(config))


def changed_since_checkpoint(store: RunStore, config: Config) -> list[str]:
    """What of a run's code changed since its last checkpoint; nothing where there is none."""
    return changed(checkpoint.code(store), code(config))


def in_words(files: Sequence[str]) -> str:
    """The files for a message; of many, the first few and how many more there are."""
    return listed(files, LISTED, str)


def refusal(runs: Sequence[str], files: Sequence[str], remedy: str = "`rerun=true` starts over") -> ConfigError:
    """Why interrupted runs do not go on, and what to do: `remedy` says how to train them anew."""
    what = f"{runs[0]} was interrupted" if len(runs) == 1 else f"{len(runs)} runs were interrupted, such as {runs[0]}"
    problem = f"{what}, and code changed since the last checkpoint: {in_words(files)}"
    mixed = "`resume_changed=true` goes on with a mixture of old and new code"
    return ConfigError("resume_changed", f"{problem}; {mixed}; {remedy}")


@functools.cache  # a class whose module is loaded again is another class
def _files(cls: type, packages: tuple[str, ...]) -> dict[str, str]:
    if _package(cls) == "rnnsweep":
        modules = {cls.__module__}
    else:
        modules = {base.__module__ for base in cls.__mro__ if _package(base) in packages}
    paths: dict[str, Path] = {}
    for module in sorted(modules):
        _follow(module, paths, imports=_package(cls) != "rnnsweep")
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}


def _package(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def _follow(module: str, paths: dict[str, Path], imports: bool) -> None:
    """Adds a module's file and, if asked, those that it imports from its package or its project, and so on."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:  # typed into a notebook
        return
    root = Path(file).parents[module.count(".") + (Path(file).name == "__init__.py")]
    left = [module]
    while left:
        name = left.pop()
        path = _path(root, name)
        if path is None or (label := path.relative_to(root).as_posix()) in paths:
            continue
        paths[label] = path
        if imports:
            left += _ours(_imported(path, name), module.partition(".")[0], root)


def _path(root: Path, module: str) -> Path | None:
    place = root.joinpath(*module.split("."))
    candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _ours(modules: Iterator[str], package: str, root: Path) -> Iterator[str]:
    """The modules of the package, or of the project around it, and the packages that hold them.

    rnnsweep's are none of them: its version stands for them.
    """
    installed = not INSTALLED.isdisjoint(root.parts)
    for module in modules:
        parts = module.split(".")
        if parts[0] == package or not (installed or parts[0] == "rnnsweep"):
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _imported(path: Path, module: str) -> Iterator[str]:
    """What a file imports, anywhere in it: modules, and names that may be modules."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # edited since it was imported
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{base}.{alias.name}" for alias in node.names)
