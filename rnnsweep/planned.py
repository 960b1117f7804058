"""What was planned: one run of a study, as the study's plans hold it. It imports little: training and the report use
it."""

import dataclasses
import itertools
import json
import shlex
import time
from pathlib import Path
from typing import Any, Literal

from rnnsweep import files, shapes

STATES = ("complete", "diverged", "failed", "pruned", "interrupted", "running", "missing")
"""How a run can stand. Those before `interrupted` have a record; a run of a search that never began is missing."""

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
    until: int | None = None
    """The step at which it waits, with a checkpoint and no record; None: it is trained to its end."""

    def command(self, study: Path) -> str:
        """The command that trains this run by itself, into the study."""
        quoted = [shlex.quote(override) for override in self.overrides]
        mode = ["hydra.mode=RUN"] if any(override.startswith("+study=") for override in self.overrides) else []
        return " ".join(["python -m rnnsweep", *map(shlex.quote, self.own), *quoted, *mode, f"out={study}"])


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
    """The step at which it took the runs in hand; above 0 where they were continued."""
    seconds: float = 0.0
    """How long it has trained the runs in hand."""
    slowdown: float | None = None
    """The time of a step now, divided by the time that was measured before; None where nothing was measured."""
    train: float | None = None
    """The newest training loss."""
    tokens_per_second: float | None = None


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


@dataclasses.dataclass(frozen=True)
class ChosenTrial:
    """What tuning chose for one arm under one condition, and how the arm's comparison with the leader stands."""

    arm: dict[str, Any]
    """The compared settings, by key: `{"cell": "gru"}`."""
    condition: dict[str, Any]
    """The fixed conditions, by key; empty where the study sweeps none."""
    setting: dict[str, Any]
    """The tuned settings of the best trial, by key."""
    trial: str
    """The run that was best on validation, with the tuning seed."""
    value: float | None
    """Its value of the metric."""
    configurations: int
    """Trials of this arm."""
    finished: int
    """Trials that were trained to their end."""
    pruned: int
    diverged: int
    verdict: Literal["leader", "differs", "equivalent", "open"] | None = None
    """The leader is the arm with the best trial: it is known before a fresh seed is run. The others are compared with
    it. None: the study has no planned looks, or its fresh seeds are not trained yet."""
    seeds: int = 0
    """Fresh seeds by which the verdict was found."""


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What a study compares and tunes; written before the first run. See `sweep.tuned`."""

    compare: list[str]
    """The keys of the compared settings."""
    tune: dict[str, str]
    """The tuned settings, each with the text of its range. Empty: a plain grid, with a declared comparison."""
    conditions: list[str]
    """The keys that are swept and neither compared nor tuned nor the seed."""
    trials: int
    """Tuning trials of each arm; 0 in a plain grid."""
    tuning_seed: int | None
    """The seed of all trials; it is none of the fresh seeds. None in a plain grid."""
    rungs: list[int]
    """The steps at which the worse trials of each arm are pruned."""
    metric: str
    """What the choice is made by: a validation metric, such as `val/loss`. Arms are compared by the same metric of the
    test part."""
    maximised: bool
    """Whether a higher value is better."""
    seeds: list[int]
    """Fresh seeds, those of the first look; empty in a plain grid."""
    looks: list[int]
    """Fresh seeds of an arm at each planned look; empty where all seeds are run at once."""
    levels: list[float]
    """What each look may spend of the error rate. A comparison's p is judged by level / (arms - 1)."""
    margin: float | None
    """A difference below it does not matter, in the unit of the metric."""
    chosen: list[ChosenTrial] = dataclasses.field(default_factory=list)
    """One for each arm and condition; empty until the tuning is over."""
    stages: dict[str, str] = dataclasses.field(default_factory=dict)
    """The plans that were made, by their file's name, each with the title of its stage; the newest is the last."""

    @property
    def every_seed(self) -> list[int]:
        """All fresh seeds that may be run: those of the last look."""
        return self.fresh(max([len(self.seeds), *self.looks])) if self.seeds else []

    def fresh(self, count: int) -> list[int]:
        """The first `count` fresh seeds: those of the first look, then the numbers that follow the largest of them."""
        added = (seed for seed in itertools.count(max(self.seeds) + 1) if seed != self.tuning_seed)
        return [*self.seeds, *itertools.islice(added, max(0, count - len(self.seeds)))][:count]


def of_the_test(metric: str) -> str:
    """The metric of the test part that belongs to one of the validation part: arms are compared by it."""
    return metric.replace("val/", "test/", 1)


def read(path: Path) -> list[Planned] | None:
    """The runs of one plan's file; None where it is damaged, which is said once."""
    return files.read(path, list[Planned], lambda runs: all(shapes.holds(run.config, shapes.CONFIG) for run in runs))


def searched(study: Path) -> list[Searched]:
    """The searches that were begun in a study's directory, the newest of each: the same space is the same search."""
    paths = sorted((study / FOLDER).glob("search-*.json"), key=lambda path: path.stat().st_mtime)
    found = [search for search in (files.read(path, Searched) for path in paths) if search]
    spaces = (json.dumps([s.metrics, s.seeds, s.groups, s.identities, s.bases], sort_keys=True) for s in found)
    return list(dict(zip(spaces, found, strict=True)).values())


def tuned(study: Path) -> list[Tuned]:
    """The tuned sweeps, and the plain grids with a declared comparison, that were begun in a study's directory.

    The newest is the last. One is left out if a newer one has all of its chosen trials.
    """
    every = list(begun(study).values())
    trials = [{chosen.trial for chosen in each.chosen} for each in every]
    held = [any(trials[i] and trials[i] <= newer for newer in trials[i + 1 :]) for i in range(len(every))]
    return [each for each, within in zip(every, held, strict=True) if not within]


def begun(study: Path) -> dict[Path, Tuned]:
    """Every file of a study that says what was compared and tuned, and what it says; the newest is the last."""
    paths = sorted((study / FOLDER).glob("tuned-*.json"), key=lambda path: path.stat().st_mtime)
    return {path: found for path in paths if (found := files.read(path, Tuned))}


def title(plan: Path) -> str | None:
    """Which stage of a tuned sweep a plan's file is; empty where an earlier command made it, None where it is none."""
    stages = (each.stages for each in reversed(begun(plan.parent.parent).values()))
    return next((stage[plan.name] for stage in stages if plan.name in stage), None)


def worker_file(study: Path, host: str, pid: int) -> Path:
    """Where a worker says what it does."""
    return study / FOLDER / "workers" / f"{host}-{pid}.json"


def workers(study: Path) -> list[WorkerStatus]:
    """The workers that live: those that have written lately."""
    states = (files.read(path, WorkerStatus) for path in sorted((study / FOLDER / "workers").glob("[!.]*.json")))
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
