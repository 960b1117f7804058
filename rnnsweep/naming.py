"""The name of a run's directory: as short as it can be without taking the place of another run."""

import collections
import dataclasses
from collections.abc import Iterable
from pathlib import Path

from rnnsweep.errors import ConfigError
from rnnsweep.fingerprint import fingerprint, names
from rnnsweep.interpolation import resolved
from rnnsweep.record import RunStore
from rnnsweep.run import PreparedRun, validated


def belongs(store: RunStore, run: PreparedRun) -> bool:
    """Whether a directory is free, or this run's own."""
    return (store.about().get("fingerprint") or _computed(store, run)) == run.fingerprint


def named(run: PreparedRun, folder: Path) -> PreparedRun:
    """The run with the name that it has, or will have, in a folder."""
    return dataclasses.replace(run, id=names_in(folder, [run])[run.fingerprint])


def names_in(folder: Path, runs: Iterable[PreparedRun]) -> dict[str, str]:
    """The names of several runs in a folder, by their fingerprints; the order of the runs changes nothing.

    Of runs that share the shortest name, the one whose directory is there keeps it, else the lowest fingerprint has it.
    """
    alike: dict[str, list[PreparedRun]] = collections.defaultdict(list)
    for run in runs:
        alike[run.id].append(run)
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    found: dict[str, str] = {}
    for several in alike.values():
        if len(several) > 1:
            several.sort(key=lambda run: (not _is_here(folder, run), run.fingerprint))
        taken: set[str] = set()
        for run in several:
            free = (name for name in names(run.config, run.fingerprint) if name not in taken)
            name = next(name for name in free if name not in there or belongs(RunStore(folder / name), run))
            taken.add(name)
            found[run.fingerprint] = name
    return found


def _is_here(folder: Path, run: PreparedRun) -> bool:
    store = RunStore(folder / run.id)
    return store.path.exists() and belongs(store, run)


def _computed(store: RunStore, run: PreparedRun) -> str:
    """The fingerprint of a directory whose config.json does not hold it; the run's own if it cannot be computed."""
    config = store.config()
    try:
        if config is None:
            return run.fingerprint
        return fingerprint(*validated(resolved(config, unset="keep")[0]), run.task.source_hash)
    except ConfigError:  # a setting that no longer exists
        return run.fingerprint
