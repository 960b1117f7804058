"""What was planned: one run of a study, as the study's plans hold it. A leaf, for who trains and who reports."""

import dataclasses
import json
import shlex
import time
from pathlib import Path
from typing import Any

from rnnsweep import files, shapes

FOLDER = ".study"
"""In the study's directory: plans, the workers' states, and what was measured of stacks."""

STALE_SECONDS = 60.0  # a worker that has not written for so long is not counted


@dataclasses.dataclass(frozen=True)
class Planned:
    """One run of a plan."""

    id: str
    signature: str
    config: dict[str, Any]
    overrides: list[str]
    """What the user would type for this run alone."""
    own: list[str] = dataclasses.field(default_factory=list)
    """The arguments that name the user's own config groups."""
    fingerprint: str = ""
    """64 digits for all that changes its result; empty in plans from before they held it."""
    generation: int = 0
    """How often it is to be trained anew, by rerun=true: a record of an earlier generation does not count."""

    def command(self, study: Path) -> str:
        """The command that trains this run by itself, into the study."""
        quoted = [shlex.quote(override) for override in self.overrides]
        mode = ["hydra.mode=RUN"] if any(override.startswith("+study=") for override in self.overrides) else []
        return " ".join(["python -m rnnsweep", *map(shlex.quote, self.own), *quoted, *mode, f"out={study}"])


@dataclasses.dataclass(frozen=True)
class WorkerState:
    """What a worker does, as its file says; see `sweep.worker.Board`."""

    pid: int
    time: float
    """When it wrote this, in seconds since 1970."""
    runs: list[str]
    """The runs that it trains together; none where it waits."""
    step: int = 0
    steps: int = 0
    train: float | None = None
    """The newest training loss."""
    tokens_per_second: float | None = None


@dataclasses.dataclass(frozen=True)
class Searched:
    """What a search's file says of the space and of the trials that were asked for; see `sweep.search.Search`."""

    sampler: str
    n_trials: int
    metrics: list[str]
    seeds: list[int]
    groups: dict[str, list[str]]
    bases: dict[str, tuple[dict[str, Any], dict[str, Any]]]
    """For each choice of groups: the config, and what is searched over in it."""
    identities: dict[str, str]


def read(path: Path) -> list[Planned] | None:
    """The runs of one plan's file; None where it is damaged, which is said once."""
    return files.read(path, list[Planned], lambda runs: all(shapes.holds(run.config, shapes.CONFIG) for run in runs))


def searched(study: Path) -> list[Searched]:
    """The searches that were begun in a study's directory, the newest of each: the same space is the same search."""
    paths = sorted((study / FOLDER).glob("search-*.json"), key=lambda path: path.stat().st_mtime)
    found = [search for search in (files.read(path, Searched) for path in paths) if search]
    spaces = (json.dumps([s.metrics, s.seeds, s.groups, s.identities, s.bases], sort_keys=True) for s in found)
    return list(dict(zip(spaces, found, strict=True)).values())


def worker_file(study: Path, host: str, pid: int) -> Path:
    """Where a worker says what it does."""
    return study / FOLDER / "workers" / f"{host}-{pid}.json"


def workers(study: Path) -> list[WorkerState]:
    """The workers that live: those that have written lately."""
    states = (files.read(path, WorkerState) for path in sorted((study / FOLDER / "workers").glob("[!.]*.json")))
    return [state for state in states if state and time.time() - state.time < STALE_SECONDS]


def drawn(study: Path) -> list[str]:
    """The settings that a study's grid drew at random."""
    return files.read(drawn_file(study), list[str]) or []


def published_file(study: Path) -> Path:
    """Where a study's directory holds the published numbers that the study is compared with, if it names any."""
    return study / FOLDER / "published.json"


def drawn_file(study: Path) -> Path:
    """Where a study's directory names the settings that its grid drew at random, if there are any."""
    return study / FOLDER / "drawn.json"


def plans(study: Path) -> list[Path]:
    """The plans that were made in a study's directory, oldest first."""
    return sorted((study / FOLDER).glob("plan-*.json"), key=lambda file: file.stat().st_mtime)
