"""Interpolations such as `${task.embedding_size}`: text until all values of a run are set, then resolved once.

A value from the environment, `${oc.env:NAME}`, may be a secret. Files hold its text; each process that trains or reads
the run takes the value from its own environment.
"""

import contextlib
import copy
import json
import os
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Literal

from omegaconf import OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException
from omegaconf.resolvers import oc

from rnnsweep.config import Config, suggestion
from rnnsweep.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""The keys that lead to a value in a config."""

Texts = dict[KeyPath, str]
"""The keys whose values no file may hold, each with the text that files hold instead."""

_HYDRAS = r"\$\{(?:hydra|now):[^{}]*\}"
_UNSET = re.compile(r"Environment variable '(.*)' not found")
_names: ContextVar[list[str]] = ContextVar("_names")  # environment variables that were read for one value


def _env(name: str, *default: Any) -> Any:
    _names.get([]).append(name)
    return oc.env(name, *default)


OmegaConf.register_resolver("oc.env", _env, replace=True, annotation_validation="off")


def resolved(config: Config, unset: Literal["refuse", "keep"] = "refuse") -> tuple[Config, Texts]:
    """The config with a value in the place of each interpolation, and the texts that a file holds for some of them.

    Args:
        unset: what becomes of a text whose environment variable is not set.

    Raises:
        ConfigError: an interpolation cannot be read, or names no setting or no environment variable.
    """
    if "${" not in json.dumps(config):
        return config, {}
    try:
        root = OmegaConf.create(config)
    except OmegaConfBaseException as error:
        raise _explained(error, config, str(error.full_key)) from None
    values, texts = copy.deepcopy(config), Texts()
    for place, text in _interpolations(config):
        names: list[str] = []
        _names.set(names)
        try:
            value = _plain(root, place)
        except (OmegaConfBaseException, RecursionError) as error:
            if unset == "keep" and _UNSET.search(str(error)):
                continue
            raise _explained(error, config, ".".join(map(str, place))) from None
        _put(values, place, value)
        if names or "${" in json.dumps(value, default=str):  # what was escaped stays so
            texts[place] = text
    return values, texts


def written(config: Config, texts: Texts) -> Config:
    """A resolved config as files hold it."""
    if not texts:
        return config
    config = json.loads(json.dumps(config))
    for place, text in texts.items():
        with contextlib.suppress(KeyError):  # of `_search_`, which is not kept
            _put(config, place, text)
    return config


def settled(config: Config) -> Config:
    """The config with values for what only Hydra's own process can resolve: `${hydra:...}` and `${now:...}`."""
    if not re.search(_HYDRAS, json.dumps(config)):
        return config
    config = copy.deepcopy(config)
    for place, text in list(_interpolations(config)):
        if re.search(_HYDRAS, text):
            whole = re.fullmatch(_HYDRAS, text)
            _put(config, place, _alone(text) if whole else re.sub(_HYDRAS, lambda one: str(_alone(one[0])), text))
    return config


def hidden(message: str, config: Config) -> str:
    """A message for a record: the values of environment variables that the config names are replaced by the names."""
    for name in re.findall(r"oc\.env:\s*([^\s,{}]+)", json.dumps(config)):
        value = os.environ.get(name, "")
        message = message.replace(value, f"${{oc.env:{name}}}") if len(value) > 2 else message
    return message


def _interpolations(value: Any, place: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """The texts in a config that hold an interpolation, with their places."""
    if isinstance(value, str):
        if "${" in value:
            yield place, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _interpolations(item, (*place, key))


def _plain(root: Any, place: KeyPath) -> Any:
    for key in place:
        root = root[key]
    return OmegaConf.to_container(root, resolve=True) if OmegaConf.is_config(root) else root


def _alone(text: str) -> Any:
    return _plain(OmegaConf.create({"value": text}), ("value",))


def _put(config: Any, place: KeyPath, value: Any) -> None:
    *folders, last = place
    for key in folders:
        config = config[key]
    config[last] = value


def said(error: Exception) -> str:
    """What OmegaConf's error says, in one line."""
    missing = _UNSET.search(str(error))
    return f"the environment variable `{missing[1]}` is not set" if missing else str(error).splitlines()[0]


def _explained(error: Exception, config: Config, key: str) -> ConfigError:
    text = next((text for place, text in _interpolations(config) if ".".join(map(str, place)) == key), key)
    if _UNSET.search(str(error)):
        return ConfigError(key, f"{said(error)}; `{text}` needs it")
    if isinstance(error, InterpolationKeyError) and (unknown := re.search(r"key '(.*)' not found", said(error))):
        group = unknown[1].split(".")[0]
        inside = config.get(group)
        known = [f"{group}.{name}" for name in inside] if isinstance(inside, dict) else list(config)
        return ConfigError(key, f"there is no setting `{unknown[1]}` for `{text}`.{suggestion(unknown[1], known)}")
    return ConfigError(key, f"cannot resolve `{text}`: {said(error)}")
