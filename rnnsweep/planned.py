"""What was planned: one run of a study, as the study's plans hold it. It imports little: training and the report use
it."""

import dataclasses
import json
import platform
import shlex
import time
from pathlib import Path
from typing import Any

from rnnsweep import files, shapes, system
from rnnsweep.study_folder import FOLDER, drawn_file, from_here
from rnnsweep.tuned_plan import Tuned

STATES = ("complete", "diverged", "failed", "pruned", "interrupted", "running", "missing")
"""How a run can stand. Those before `interrupted` have a record; a run of a search that never began is missing."""


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
    until: int | None = None
    """The step at which it waits, with a checkpoint and no record; None: it is trained to its end."""

    def command(self, study: Path) -> str:
        """The command that trains this run by itself, into the study."""
        quoted = [shlex.quote(override) for override in self.overrides]
        mode = ["hydra.mode=RUN"] if any(override.startswith("+study=") for override in self.overrides) else []
        return " ".join(["python -m rnnsweep", *map(shlex.quote, self.own), *quoted, *mode, f"out={from_here(study)}"])


@dataclasses.dataclass(frozen=True)
class WorkerStatus:
    """What a worker does, as its file says; see `sweep.status_file.StatusFile`."""

    pid: int
    time: float
    """When it wrote this, in seconds since 1970."""
    runs: list[str]
    """The runs that it trains together; none where it waits."""
    step: int = 0
    steps: int = 0
    began_at: int = 0
    """The step from which `seconds` count: the first one that it trained of the runs in hand."""
    seconds: float = 0.0
    """How long it has trained the runs in hand since that step, which also compiled."""
    slowdown: float | None = None
    """The time of a step now, divided by the time that was measured before; None where nothing was measured."""
    host: str = ""
    """The machine that it runs on."""
    train: float | None = None
    """The newest training loss."""
    tokens_per_second: float | None = None
    costs: dict[str, float] = dataclasses.field(default_factory=dict)
    """Seconds of a run by the signature of its shape, as its machine measured them before."""


@dataclasses.dataclass(frozen=True)
class Searched:
    """What a search's file says of the space and of the trials that were asked for; see `sweep.search.Search`."""

    sampler: str | dict[str, Any]
    """Its name, or a class of the user's with its settings."""
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
    found = every_search(study)
    spaces = (json.dumps([s.metrics, s.seeds, s.groups, s.identities, s.bases], sort_keys=True) for s in found)
    return list(dict(zip(spaces, found, strict=True)).values())


def every_search(study: Path) -> list[Searched]:
    """The searches as each command described them, the newest last: a later one may have another sampler."""
    paths = sorted((study / FOLDER).glob("search-*.json"), key=lambda path: path.stat().st_mtime)
    return [search for search in (files.read(path, Searched) for path in paths) if search]


def repeated(study: Path) -> int:
    """How many runs of a study's searches are those of earlier trials: a search may draw a setting twice."""
    return sum(files.read(path, int) or 0 for path in (study / FOLDER).glob("repeats-*.json"))


def tuned(*studies: Path) -> list[Tuned]:
    """The tuned sweeps, and the plain grids with a declared comparison, that were begun in the studies' directories.

    The newest is the last. One is left out if a newer one has all of its chosen trials.
    """
    every = list(begun(*studies).values())
    trials = [{chosen.trial for chosen in each.chosen} for each in every]
    held = [any(trials[i] and trials[i] <= newer for newer in trials[i + 1 :]) for i in range(len(every))]
    return [each for each, within in zip(every, held, strict=True) if not within]


def begun(*studies: Path) -> dict[Path, Tuned]:
    """Every file of the studies that says what was compared and tuned, and what it says; the newest is the last."""
    paths = [path for study in studies for path in (study / FOLDER).glob("tuned-*.json")]
    by_age = sorted(paths, key=lambda path: path.stat().st_mtime)
    return {path: found for path in by_age if (found := files.read(path, Tuned))}


def title(plan: Path) -> str | None:
    """Which stage of a tuned sweep a plan's file is; empty where an earlier command made it, None where it is none."""
    stages = (each.stages for each in reversed(begun(plan.parent.parent).values()))
    return next((stage[plan.name] for stage in stages if plan.name in stage), None)


def workers(study: Path) -> list[WorkerStatus]:
    """The workers that live: those that have written lately, and of this machine those whose process is there."""
    states = (files.read(path, WorkerStatus) for path in sorted((study / FOLDER / "workers").glob("[!.]*.json")))
    return [state for state in states if state and _lives(state)]


def _lives(worker: WorkerStatus) -> bool:
    if worker.host == platform.node() and not system.is_alive(worker.pid):  # SIGKILL leaves its file
        return False
    return time.time() - worker.time < STALE_SECONDS


def drawn(study: Path) -> list[str]:
    """The settings that a study's grid drew at random."""
    return files.read(drawn_file(study), list[str]) or []


def plans(study: Path) -> list[Path]:
    """The plans that were made in a study's directory, oldest first."""
    return sorted((study / FOLDER).glob("plan-*.json"), key=lambda file: file.stat().st_mtime)
