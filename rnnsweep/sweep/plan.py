"""A plan: the runs of a sweep with their configs, made once, written beside the runs, read by every worker."""

import copy
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rnnsweep import checkpoint, files, planned, retired
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError
from rnnsweep.planned import Planned as Planned  # who works on a plan finds its runs here
from rnnsweep.provenance import changed_since_checkpoint, changed_since_start
from rnnsweep.ranking import flat
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.study_folder import FOLDER
from rnnsweep.sweep.grid import PointOverride
from rnnsweep.tuned_plan import Tuned

Compose = Callable[[list[str]], Config]
"""From overrides to the plain config of a run, with its interpolations as texts."""


def configs(compose: Compose, points: Iterable[dict[str, PointOverride]]) -> Iterator[tuple[Config, list[str]]]:
    """The config of each point, its interpolations not yet resolved, and the overrides that give it.

    Composing costs tens of milliseconds, so it is done once for each choice of groups; values are set on a copy.
    """
    composed: dict[tuple[str, ...], Config] = {}
    for point in points:
        groups = tuple(setting.text for setting in point.values() if setting.group)
        if groups not in composed:
            composed[groups] = compose(list(groups))
        values = {setting.key: setting.value for setting in point.values() if not setting.group}
        yield with_values(composed[groups], values), [setting.text for setting in point.values()]


def with_values(config: Config, values: dict[str, Any]) -> Config:
    """A copy of the config with these values at their dotted keys.

    Raises:
        ConfigError: a key leads into a value.
    """
    config = json.loads(json.dumps(config))
    for key, value in values.items():
        *folders, name = key.split(".")
        place = config
        for folder in folders:
            place = place.setdefault(folder, {})
            if not isinstance(place, dict):
                raise ConfigError(key, f"`{folder}` is a value and has no settings")
        place[name] = copy.deepcopy(value)
    return config


NAMING = ("id", "signature", "config", "overrides", "own")
"""The fields of a run that the name of its plan's file depends on."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """The runs of one sweep in a study's directory, in the order in which workers take them."""

    study: Path
    runs: list[Planned]
    drawn: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    """The settings that the grid drew at random; they stand in a file of their own."""
    declared: Tuned | None = dataclasses.field(default=None, compare=False)
    """What the grid compares, where it says so; it stands in a file of its own, too."""
    title: str | None = dataclasses.field(default=None, compare=False)
    """Which stage of a tuned sweep it is; None for a plain plan."""

    def store(self, run: Planned) -> RunStore:
        return RunStore(self.study / run.id)

    def record(self, run: Planned) -> RunRecord | None:
        """The record of a run that is over. A record from before `rerun=true` does not count."""
        return None if self.waits(run) else self.store(run).outcome()

    def waits(self, run: Planned) -> bool:
        """Whether a run is to be trained anew and has not begun to."""
        return run.generation > 0 and self.store(run).generation() < run.generation

    def is_over(self, run: Planned) -> bool:
        """Whether a run needs no more training here. A pruned run does, until it reaches the step where it waits."""
        record = self.record(run)
        return (record is not None and record.status != "pruned") or self.has_come(run)

    def has_come(self, run: Planned) -> bool:
        """Whether a run has reached the step at which it waits."""
        return run.until is not None and not self.waits(run) and checkpoint.step(self.store(run)) >= run.until

    def interrupted(self) -> list[RunStore]:
        """The directories of the runs that are to go on, if they have a checkpoint."""
        return [self.store(run) for run in self.runs if not (self.is_over(run) or self.waits(run))]

    def finished(self) -> list[RunStore]:
        """The directories of the runs that are not trained any more."""
        return [self.store(run) for run in self.runs if self.is_over(run)]

    def records(self) -> dict[str, RunRecord]:
        """The records that exist, by run."""
        found = ((run.id, self.record(run)) for run in self.runs)
        return {name: record for name, record in found if record is not None}

    @property
    def path(self) -> Path:
        """The plan's file; its name covers the runs, not their generation: the same command is the same file."""
        content = json.dumps([{name: getattr(run, name) for name in NAMING} | _stop(run) for run in self.runs])
        return self.study / FOLDER / f"plan-{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"

    def save(self) -> Path:
        """Writes the plan; the same plan is the same file."""
        path = self.path
        files.make(path.parent)
        if planned.read(path) != self.runs:  # not there, damaged, or of an earlier generation
            files.write(path, json.dumps([vars(run) for run in self.runs]))
        return path

    def counted(self) -> "Plan":
        """The plan without the runs of levels that are retired in the study; see `rnnsweep.study`."""
        levels = retired.read(self.study)
        if not levels:
            return self
        runs = [run for run in self.runs if not any(level.holds(flat(run.config)) for level in levels)]
        return dataclasses.replace(self, runs=runs)

    # Training anew -------------------------------------------------------------------------------------------

    def resumed(self, rerun: bool) -> "Plan":
        """The plan in the generation that an earlier command left it in, or in the next one.

        Args:
            rerun: all is to be trained anew. If an earlier command began this and the code is still the same, it is
            continued.
        """
        known = dict.fromkeys((run.id for run in self.runs), 0)
        for file in planned.plans(self.study):
            for run in planned.read(file) or []:
                known[run.id] = max(run.generation, known.get(run.id, 0))
        plan = self._in_generations(known)
        return plan if plan.is_rerun or not rerun else plan._anew()

    @property
    def is_rerun(self) -> bool:
        """Whether rerun=true has begun to train the runs anew, with the present code, and some are left."""
        again = [run for run in self.runs if run.generation]
        begun = [run for run in again if not self.waits(run)]
        return not all(map(self.is_over, again)) and not any(map(self._is_outdated, begun))

    def _is_outdated(self, run: Planned) -> bool:
        store = self.store(run)
        since = changed_since_checkpoint if store.record() is None else changed_since_start
        return bool(since(store, run.config))

    def _anew(self) -> "Plan":
        newest = max(max(run.generation, self.store(run).generation()) for run in self.runs)
        return self._in_generations(dict.fromkeys((run.id for run in self.runs), newest + 1))

    def _in_generations(self, generations: dict[str, int]) -> "Plan":
        runs = [dataclasses.replace(run, generation=generations[run.id]) for run in self.runs]
        return dataclasses.replace(self, runs=runs)

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """The plan that a sweep has just written.

        Raises:
            ConfigError: it is damaged.
        """
        runs = planned.read(path)
        if runs is None:
            raise ConfigError(str(path), "not a plan; run the sweep's command again, which writes it anew")
        return cls(path.parent.parent, runs, title=planned.title(path))


def _stop(run: Planned) -> dict[str, int]:
    """The step at which a run waits, for the name of its plan's file; empty if it does not wait."""
    return {} if run.until is None else {"until": run.until}


def plans(study: Path) -> list[Plan]:
    """All plans that were made in a study's directory, oldest first; a damaged one is left out, which is said."""
    found = [(planned.read(file), planned.title(file)) for file in planned.plans(study)]
    return [Plan(study, runs, title=title) for runs, title in found if runs is not None]
