"""A plan: the runs of a sweep with their configs, made once, written beside the runs, read by every worker."""

import copy
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rnnsweep import planned
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError
from rnnsweep.planned import FOLDER as FOLDER  # who works on a plan finds all of it here
from rnnsweep.planned import Planned as Planned
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.sweep.grid import Setting

Compose = Callable[[list[str], bool], Config]
"""From overrides to the plain config of a run, with its interpolations resolved or not."""


def configs(compose: Compose, points: Iterable[dict[str, Setting]]) -> Iterator[tuple[Config, list[str]]]:
    """The config of each point and the overrides that give it.

    Composing costs tens of milliseconds, so it is done once for each choice of groups; plain values are set on a
    copy. Where the composed config still holds interpolations, which a set value may change, each point is composed.
    """
    composed: dict[tuple[str, ...], tuple[str, Config]] = {}
    for point in points:
        overrides = [setting.text for setting in point.values()]
        groups = tuple(setting.text for setting in point.values() if setting.group)
        if groups not in composed:
            config = compose(list(groups), False)
            composed[groups] = json.dumps(config), config
        text, config = composed[groups]
        if "${" in text:
            yield compose(overrides, True), overrides
            continue
        config = json.loads(text)
        for setting in point.values():
            if not setting.group:
                _put(config, setting)
        yield config, overrides


def _put(config: Config, setting: Setting) -> None:
    *folders, name = setting.key.split(".")
    for folder in folders:
        config = config.setdefault(folder, {})
        if not isinstance(config, dict):
            raise ConfigError(setting.key, f"`{folder}` is a value and has no settings")
    config[name] = copy.deepcopy(setting.value)


class Skip:
    """Conditions over a run's settings, as in `cell.num_layers == 1 and cell.dropout > 0`; true ones leave it out."""

    def __init__(self, conditions: list[str]):
        self.conditions = conditions

    def __call__(self, config: Config) -> bool:
        """Whether any condition holds.

        Raises:
            ConfigError: a condition cannot be read, or names what the config has not.
        """
        if not self.conditions:
            return False
        from simpleeval import EvalWithCompoundTypes, InvalidExpression

        names = config | {"true": True, "false": False, "null": None}
        for condition in self.conditions:
            try:
                if EvalWithCompoundTypes(names=names).eval(condition):
                    return True
            except (InvalidExpression, SyntaxError, TypeError, KeyError) as error:
                problem = f"cannot decide `{condition}`: {error}"
                raise ConfigError("hydra.sweeper.skip", problem) from None
        return False


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
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"plan-{name}.json"
        if not path.exists():
            RunStore(folder).write(path.name, content)
        return path

    @classmethod
    def load(cls, path: Path) -> "Plan":
        return cls(path.parent.parent, planned.read(path))


def plans(study: Path) -> list[Plan]:
    """All plans that were made in a study's directory, oldest first."""
    return [Plan.load(file) for file in planned.files(study)]
