"""Checks every setting of a config against the constructor that it goes to."""

import torch
from torch import nn

from rnnsweep.cells.base import AbstractCell
from rnnsweep.config import GROUPS, PRIVATE, Config, General, checked, lacks, own, schema, suggestion, target
from rnnsweep.errors import ConfigError
from rnnsweep.optim import AbstractOptimizer
from rnnsweep.own import refuse_unfit
from rnnsweep.pooling import AbstractPooling
from rnnsweep.schedules import AbstractSchedule
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.tasks.metric import AbstractMetric
from rnnsweep.trackers.base import AbstractTracker
from rnnsweep.train import TrainConfig
from rnnsweep.types import BOOKKEEPING, GENERAL

RENAMED = {
    "task": {
        "showcase": "summary",
        "remembers": "takes_snapshot",
        "glimpse": "snapshot",
        "looking_back": "with_snapshots",
    }
}
"""By group, the methods that earlier versions called by another name: nothing calls the old name any more."""

BASES: dict[str, tuple[type, ...]] = {
    "task": (AbstractTask,),
    "cell": (AbstractCell,),
    "pooling": (AbstractPooling, nn.Module),
    "optimizer": (AbstractOptimizer, torch.optim.Optimizer),
}
"""What the class of each group is derived from: one of these."""

OWN: dict[str, type] = {"schedule": AbstractSchedule, "tracker": AbstractTracker}
"""The settings of `train` that may name a class of the user's, and what it is derived from."""

Classes = dict[str, type]
"""The class of each group, and `TrainConfig` for `train`."""


def validated(config: Config) -> tuple[Config, Classes]:
    """The config with every value checked and every default filled in, and the classes of its groups.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    groups, general = [*GROUPS, "train"], list(schema(General).model_fields)
    _refuse_unknown(config, groups, general)
    filled = checked(General, {key: value for key, value in config.items() if key in general}, "")
    _refuse_nameless(config)
    for group in groups:
        if group not in config:
            raise ConfigError(group, f"a run needs one {group}; choose it as in `{group}=NAME`")
    for group in ("task", "cell"):
        if group not in filled["choices"]:
            raise ConfigError(group, f"a run is named by its {group}; choose one, as in `{group}=NAME`")
    classes = _classes(config)
    for group, cls in classes.items():
        _refuse_renamed(group, cls)
        _refuse_misplaced(config, group, cls)
        named = {"_target_": config[group]["_target_"]} if group in GROUPS else {}
        filled[group] = named | checked(cls, config[group], group)
    train, packages = filled["train"], filled["packages"]
    for name, base in OWN.items():
        if isinstance(given := train[name], dict):
            train[name] = own(f"train.{name}", given, packages, name, (base,))
    for name, given in train["metrics"].items():
        _refuse_name(name)
        train["metrics"][name] = own(f"train.metrics.{name}", given, packages, "metric", (AbstractMetric,))
    return filled, classes


def _refuse_nameless(config: Config) -> None:
    """Refuses a metric of the user's without a name."""
    given = config.get("train", {}).get("metrics")
    if isinstance(given, dict) and "_target_" in given:
        problem = "a metric has a name: begin its YAML with the line `# @package train.metrics.NAME`"
        raise ConfigError("train.metrics", f"{problem}, or write `train.metrics={{NAME: mine.Name}}`")


def _refuse_name(metric: str) -> None:
    """Refuses a name that no metric can have: a file's rows and commands hold it."""
    if not metric.isidentifier() or metric in ("step", "split", *BOOKKEEPING, *(each.name for each in GENERAL)):
        problem = "a metric of your own cannot have this name; use another one, such as `top3`"
        raise ConfigError(f"train.metrics.{metric}", problem)


def settings(config: Config, group: str) -> Config:
    """A group's keywords."""
    return {name: value for name, value in config[group].items() if name not in PRIVATE}


def _classes(config: Config) -> Classes:
    classes = {group: target(config, group) for group in GROUPS}
    for group, cls in classes.items():
        refuse_unfit(f"{group}._target_", config[group]["_target_"], group, cls, BASES[group])
    return classes | {"train": TrainConfig}


def _refuse_unknown(config: Config, groups: list[str], general: list[str]) -> None:
    known = [*groups, *general]
    for key, value in config.items():
        if key not in known:
            hint = _elsewhere(config, key) or suggestion(key, [name for name in known if name != "choices"])
            raise ConfigError(key, f"there is no setting or group `{key}`.{hint}")
        if key in groups and not isinstance(value, dict):
            raise ConfigError(key, f"expected a group of settings, got {value!r}")


def _refuse_renamed(group: str, cls: type) -> None:
    """Refuses a class whose method has the name of an earlier version: it would never be called."""
    for old, new in RENAMED.get(group, {}).items():
        if callable(getattr(cls, old, None)):
            problem = f"the method `{old}` of {cls.__name__} has a new name; rename it to `{new}`"
            raise ConfigError(f"{group}._target_", problem)


def _refuse_misplaced(config: Config, group: str, cls: type) -> None:
    """Refuses a setting that another group has; what no group has is refused later, with the nearest name."""
    known = schema(cls).model_fields
    for name in settings(config, group):
        if name not in known and (hint := _elsewhere(config, name)):
            raise ConfigError(f"{group}.{name}", f"{lacks(cls, name)}.{hint}")


def _elsewhere(config: Config, name: str) -> str:
    """` Did you mean ...?` where a group has a setting of that name; empty where none has."""
    try:
        classes = _classes(config)
    except (ConfigError, KeyError, AttributeError, TypeError):  # more is wrong, which is told in its turn
        return ""
    owners = [f"`{group}.{name}`" for group, cls in classes.items() if name in schema(cls).model_fields]
    return f" Did you mean {' or '.join(owners)}?" if owners else ""
