"""A plan: the runs of a sweep with their configs, made once, written beside the runs, read by every worker."""

import copy
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rnnsweep import files, planned
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError
from rnnsweep.planned import FOLDER as FOLDER  # who works on a plan finds all of it here
from rnnsweep.planned import Planned as Planned
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.sweep.grid import Setting

Compose = Callable[[list[str]], Config]
"""From overrides to the plain config of a run, with its interpolations as texts."""


def configs(compose: Compose, points: Iterable[dict[str, Setting]]) -> Iterator[tuple[Config, list[str]]]:
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


@dataclasses.dataclass(frozen=True)
class Plan:
    """The runs of one sweep in a study's directory, in the order in which workers take them."""

    study: Path
    runs: list[Planned]

    def store(self, run: Planned) -> RunStore:
        return RunStore(self.study / run.id)

    def records(self) -> dict[str, RunRecord]:
        """The records that exist, by run."""
        found = ((run.id, self.store(run).record()) for run in self.runs)
        return {name: record for name, record in found if record is not None}

    def save(self) -> Path:
        """Writes the plan; the same plan is the same file."""
        content = json.dumps([dataclasses.asdict(run) for run in self.runs])
        name = hashlib.sha256(content.encode()).hexdigest()[:12]
        folder = self.study / FOLDER
        files.make(folder)
        path = folder / f"plan-{name}.json"
        if planned.read(path) != self.runs:  # not there, or damaged
            files.write(path, content)
        return path

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """The plan that a sweep has just written.

        Raises:
            ConfigError: it is damaged.
        """
        runs = planned.read(path)
        if runs is None:
            raise ConfigError(str(path), "not a plan; run the sweep's command again, which writes it anew")
        return cls(path.parent.parent, runs)


def plans(study: Path) -> list[Plan]:
    """All plans that were made in a study's directory, oldest first; a damaged one is left out, which is said."""
    found = [planned.read(file) for file in planned.plans(study)]
    return [Plan(study, runs) for runs in found if runs is not None]
