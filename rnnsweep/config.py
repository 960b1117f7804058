"""The settings of a run, and their check.

The constructor is the schema: its keyword-only parameters are the settings, their annotations the types and ranges;
the program supplies the others.
"""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Sequence
from typing import Any, Literal

import pydantic

from rnnsweep.errors import ConfigError, listed, nearest
from rnnsweep.own import loaded, refuse_unfit
from rnnsweep.types import LATER, PER_MEMBER, Marker, Positive

Config = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class General:
    """The settings outside of the groups."""

    seed: int = 0
    out: str = "outputs"
    from_: str | None = None
    rerun: bool = False
    resume_changed: bool = False
    size: Literal["full", "small"] = "full"
    packages: list[str] = dataclasses.field(default_factory=list)
    choices: dict[str, str] = dataclasses.field(default_factory=dict)


PRIVATE = ("_target_", "_search_")
"""What a group's YAML may hold beside its settings: the class, and what a search varies."""

SHOWN = 50  # names in a message

GROUPS = ("task", "cell", "pooling", "optimizer")
"""The config groups whose `_target_` names a class."""


def target(config: Config, group: str) -> type:
    """The class that a group's `_target_` names.

    Raises:
        ConfigError: it is missing, does not exist, or lies outside rnnsweep and the listed packages.
    """
    path, key = config[group].get("_target_"), f"{group}._target_"
    if not isinstance(path, str) or "." not in path:
        raise ConfigError(key, f"expected the path of a class such as rnnsweep.cells.gru.GRU, got {path!r}")
    return loaded(key, path, config.get("packages", []))


def own(key: str, given: Config, packages: Sequence[str], kind: str, bases: tuple[type, ...]) -> Config:
    """A class of the user's that a setting names, with all its settings.

    Args:
        key: the setting.
        given: `_target_`, and the settings that were given.
        packages: those that the user lists.
        kind: what the class should be: `schedule`.
        bases: it is derived from one of them.

    Raises:
        ConfigError: the class is missing or of another kind, or a setting is wrong.
    """
    path = given["_target_"]
    cls = loaded(key, path, packages)
    refuse_unfit(key, path, kind, cls, bases)
    return {"_target_": path} | checked(cls, given, key)


STRICT = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


@functools.cache
def schema(cls: type) -> type[pydantic.BaseModel]:
    """The settings of a class as a strict pydantic model: the keyword-only parameters of its constructor.

    A parameter whose name Python reserves ends in an underscore, which its setting has not: `from_` is `from`.
    """
    if is_torch_optimizer(cls):
        return pydantic.create_model(cls.__name__, __config__=STRICT, **_of_torch(cls))
    if getattr(cls.__init__, "__module__", "").startswith("optuna."):  # type: ignore[misc]
        return pydantic.create_model(cls.__name__, __config__=STRICT, **_of_optuna(cls))
    hints = typing.get_type_hints(cls.__init__, include_extras=True)  # type: ignore[misc]
    fields: dict[str, Any] = {
        name.rstrip("_"): (hints.get(name, Any), ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            if field.default_factory is not dataclasses.MISSING:
                fields[field.name] = (hints[field.name], pydantic.Field(default_factory=field.default_factory))
    return pydantic.create_model(cls.__name__, __config__=STRICT, **fields)


def is_torch_optimizer(cls: type) -> bool:
    """Whether a class is a torch.optim.Optimizer; torch is not imported to find out."""
    return any((base.__module__, base.__name__) == ("torch.optim.optimizer", "Optimizer") for base in cls.__mro__)


def _of_torch(cls: type) -> dict[str, Any]:
    """The settings of a torch.optim.Optimizer: all its parameters but the first, with the types of their defaults."""
    fields: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(cls).parameters.items())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        given = ... if parameter.default is parameter.empty else parameter.default
        given = list(given) if isinstance(given, tuple) else given  # as YAML holds it
        kind = {bool: bool, int: float, float: float, str: str, list: list}.get(type(given), Any)
        fields[name] = (kind, given)
    if "lr" not in fields:
        raise ConfigError("optimizer._target_", f"{cls.__name__} takes no `lr`, which the schedule sets at each step")
    return fields | {"lr": (typing.Annotated[Positive, PER_MEMBER], fields["lr"][1])}


def _of_optuna(cls: type) -> dict[str, Any]:
    """The settings of a sampler or pruner with a constructor of Optuna's: all its parameters but the seed."""
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: (Any, ... if p.default is p.empty else p.default) for p in parameters if p.name != "seed"}


def checked(cls: type, settings: Config, key: str) -> Config:
    """The settings with defaults filled in and numbers in their declared types, without `_target_`.

    Raises:
        ConfigError: an unknown name, a wrong type, or a value out of range; `key` is the settings' place.
    """
    settings = {name: value for name, value in settings.items() if name not in PRIVATE}
    try:
        return schema(cls)(**settings).model_dump()
    except pydantic.ValidationError as error:
        raise _explained(cls, error, key) from None


def lacks(cls: type, name: str) -> str:
    """As in `GRU has no parameter x`, `train has no setting x`: the class of `train` is no word of a user's."""
    group = cls.__name__.removesuffix("Config")
    if group != cls.__name__:
        return f"{group.lower()} has no setting `{name}`"
    return f"{cls.__name__} has no parameter `{name}`"


def _explained(cls: type, error: pydantic.ValidationError, key: str) -> ConfigError:
    details = error.errors()
    unknown = (detail for detail in details if detail["type"] == "extra_forbidden")
    first = next(unknown, details[0])  # a misspelt name is told before the one that it leaves without a value
    name = str(first["loc"][0])
    key = f"{key}.{name}" if key else name
    if first["type"] == "extra_forbidden":
        known = list(schema(cls).model_fields)
        return ConfigError(key, f"{lacks(cls, name)}.{suggestion(name, known)}")
    if first["type"] == "missing":
        return ConfigError(key, f"{cls.__name__} needs a value for it")
    wanted = " or ".join(dict.fromkeys(_wanted(d) for d in details if d["loc"][0] == name))
    optional = type(None) in typing.get_args(schema(cls).model_fields[name].annotation)
    return ConfigError(key, f"expected {wanted}{' or null' * optional}, got {first['input']!r}")


def _wanted(detail: Any) -> str:
    message = str(detail["msg"])
    for before, after in (("Input should be ", ""), ("greater than or equal to", "at least"), ("less than", "below")):
        message = message.replace(before, after)
    return message.replace("greater than", "above").replace("a valid ", "a ").replace("a integer", "an integer")


def suggestion(name: str, known: list[str]) -> str:
    """` Did you mean ...?`, or the names that there are."""
    return near(name, known) or f" It has: {listed(known, SHOWN, str) if known else 'none'}."


def near(name: str, known: list[str]) -> str:
    """` Did you mean ...?` where one of the names is similar; else nothing."""
    close = nearest(name, known)
    return f" Did you mean `{close}`?" if close else ""


@functools.cache
def marked(cls: type, marker: Marker) -> frozenset[str]:
    """The settings whose annotation carries a marker."""
    return frozenset(name for name, field in schema(cls).model_fields.items() if marker in field.metadata)


def unused(settings: Config, cls: type) -> set[str]:
    """Settings that were added after runs existed, and have their default: they take no part in names."""
    return {name for name in marked(cls, LATER) if settings[name] == defaults(cls)[name]}


@functools.cache
def defaults(cls: type) -> Config:
    """The settings of a class with their defaults."""
    return {name: field.get_default(call_default_factory=True) for name, field in schema(cls).model_fields.items()}


def plain(values: Any, choices: Any) -> Config:
    """A composed config as plain data, with the names of the chosen group members.

    Raises:
        ConfigError: the YAML of a study, or of a group of the user's, sets nothing for want of its first line.
    """
    for group in values:
        if group == "study" or (group in choices and group not in GROUPS):
            file = f"{group}/{choices[group]}.yaml" if group in choices else f"the YAML of the {group}"
            problem = f"{file} lacks the first line `# @package _global_`; without it, its settings have no effect"
            raise ConfigError(str(group), problem)
    named = {str(group): name for group, name in choices.items() if not str(group).startswith("hydra/")}
    return {str(key): value for key, value in values.items() if key != "hydra"} | {"choices": named}
