"""The commits that a run begins with: of rnnsweep, of the working directory and of the packages of its classes."""

import functools
import importlib.util
import subprocess
from pathlib import Path
from typing import Any

Commit = dict[str, Any]
"""`commit`: its hash, or null where there is no git; `dirty`: whether the code differs from it."""

NONE: Commit = {"commit": None, "dirty": None}
HERE = "working directory"


def of(packages: tuple[str, ...]) -> dict[str, Commit]:
    """The commit, and whether files differ from it, of rnnsweep, of the working directory and of each package.

    Both are null where there is no git: rnnsweep's where it is installed and does not run from a checkout.
    """
    source = Path(__file__).parent.parent
    places = {"rnnsweep": source if (source / ".git").exists() else None, HERE: Path.cwd()}
    return {name: _commit(place) for name, place in (places | {name: _place(name) for name in packages}).items()}


def main(found: dict[str, Commit]) -> Commit:
    """The one commit that stands for all: rnnsweep's where it runs from a checkout, else the working directory's."""
    return next((each for name in ("rnnsweep", HERE) if (each := found.get(name, NONE)).get("commit")), NONE)


def _place(package: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    where = [spec.origin] if spec and spec.origin else list(spec.submodule_search_locations or []) if spec else []
    return Path(where[0]) if where else None


@functools.cache  # at the first call, which comes before the first run begins
def _commit(place: Path | None) -> Commit:
    folder = place and (place if place.is_dir() else place.parent)
    if folder is None or _git(folder, "check-ignore", str(place)):  # as what a virtual environment holds
        return NONE
    commit = _git(folder, "rev-parse", "HEAD")
    return {"commit": commit, "dirty": _differs(folder) if commit else None}


def _differs(folder: Path) -> bool:
    """Whether a tracked file differs from the commit, or a Python file is not tracked; runs and notes may lie there."""
    new = _git(folder, "ls-files", "--others", "--exclude-standard", "--full-name", ":/*.py")
    return bool(_git(folder, "status", "--porcelain", "--untracked-files=no") or new)


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]  # what only asks leaves no lock behind
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
