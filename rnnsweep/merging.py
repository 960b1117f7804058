"""Copies the runs and the plans of one study into another; nothing is deleted or written over."""

import json
import shutil
from pathlib import Path

from rnnsweep import files, planned, retired, study_folder
from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.record import RunStore
from rnnsweep.study_folder import FOLDER, drawn_file, published_file

BEYOND = ("search-*.json", "tuned-*.json", "optuna.journal")
"""Files of a study whose runs depend on each other: a tuned sweep's, a search's."""


def merge(source: Path, study: Path) -> tuple[list[str], list[str]]:
    """Copies the runs of `source` that the study lacks, and its plans.

    Args:
        source: the directory of a study; it stays as it is.
        study: the directory of the study that gets them.

    Returns:
        The names of the runs that were copied, and of those that were there already.

    Raises:
        ConfigError: one of them is no study of grids, a run is being trained, or two different runs share a name.
    """
    _check(source, study)
    stores = [RunStore(path) for path in sorted(source.iterdir()) if (path / "config.json").exists()]
    new = [store for store in stores if not _is_in(study, store)]
    if held := next((store for store in new if store.held()), None):
        raise ConfigError(str(held.path), "is being trained; wait until it ends, or stop its sweep")
    for store in new:
        _copy(store.path, study / store.path.name)
    for path in planned.plans(source):
        _copy(path, study / FOLDER / path.name)
    _copy_notes(source, study)
    names = {store.path.name for store in new}
    return sorted(names), [store.path.name for store in stores if store.path.name not in names]


def _check(source: Path, study: Path) -> None:
    for folder in (source, study):
        if not (folder / FOLDER).is_dir():
            raise ConfigError(str(folder), study_folder.not_a_study(folder))
        if any(found for pattern in BEYOND for found in (folder / FOLDER).glob(pattern)):
            raise ConfigError(str(folder), "holds a search or a declared comparison; only plain grids can be merged")
    if source.resolve() == study.resolve():
        raise ConfigError(str(source), "is the study itself; name another one")


def _copy_notes(source: Path, study: Path) -> None:
    """Copies what the source says of its runs. Says what the study says otherwise: it stays."""
    if drawn := {*planned.drawn(source)} - {*planned.drawn(study)}:
        files.write(drawn_file(study), json.dumps(sorted(drawn | {*planned.drawn(study)})))
    for level in retired.read(source):
        if level not in retired.read(study):
            tell_once(f"{level} is retired in {source} and counts in {study}: `--retire {level}` there, too")
    numbers = published_file(source)
    if numbers.exists():
        _copy(numbers, published_file(study))
        if published_file(study).read_bytes() != numbers.read_bytes():
            tell_once(f"{study} is compared with other published numbers than {source}; those of {source} are left out")


def _is_in(study: Path, store: RunStore) -> bool:
    """Whether the study has this run.

    Raises:
        ConfigError: it has another run of that name, or one that is not over where this one is.
    """
    mine = RunStore(study / store.path.name)
    if not mine.path.exists():
        return False
    prints = [each.about().get("fingerprint") for each in (mine, store)]
    if prints[0] != prints[1]:
        raise ConfigError(str(store.path), f"another run has this name in {study}; nothing was copied")
    if mine.outcome() is None and store.outcome() is not None:
        problem = f"is finished, and the same run in {study} is not; delete {mine.path} to take this one"
        raise ConfigError(str(store.path), f"{problem}; nothing was copied")
    return True


def _copy(source: Path, target: Path) -> None:
    """Copies a file or a run's directory; a kill leaves the whole copy or none."""
    if target.exists():
        return
    if source.is_file():
        files.write(target, source.read_bytes())
        return
    partial = target.with_name(f".{target.name}.partial")
    with files.faults(target):
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial, ignore=shutil.ignore_patterns(".lock", ".*.partial"))
        partial.rename(target)
