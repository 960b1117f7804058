"""Where the files of a study are that the program keeps beside the runs, and how a command names a directory."""

import os
from pathlib import Path

FOLDER = ".study"
"""The folder in a study's directory: plans, the states of the workers, and the choice of kernels."""


def worker_file(study: Path, host: str, pid: int) -> Path:
    """The file in which a worker says what it does."""
    return study / FOLDER / "workers" / f"{host}-{pid}.json"


def published_file(study: Path) -> Path:
    """The file with the published numbers that the study is compared with, if it names any."""
    return study / FOLDER / "published.json"


def drawn_file(study: Path) -> Path:
    """The file with the settings that the study's grid drew at random, if there are any."""
    return study / FOLDER / "drawn.json"


def retired_file(study: Path) -> Path:
    """The file with the levels that the study no longer counts, if there are any."""
    return study / FOLDER / "retired.json"


def repeats_file(study: Path, search: str) -> Path:
    """The file that says how many runs of a search's trials are those of earlier trials."""
    return study / FOLDER / f"repeats-{search}.json"


def not_a_study(path: Path) -> str:
    """What a message says of a directory that is no study's."""
    if not path.is_dir():
        return "no such directory; give the folder of a study, such as multirun/default"
    return "not the directory of a study: it has no plan"


def from_here(path: str | Path) -> str:
    """A path as a command names it: relative to this directory if it lies below it, else as it is."""
    text, here = str(path), Path.cwd()
    return str(Path(text).relative_to(here)) if os.path.isabs(text) and Path(text).is_relative_to(here) else text
