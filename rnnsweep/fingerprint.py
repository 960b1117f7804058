"""What a run is called: the fingerprint of all that changes its result, and the names made of it."""

import hashlib
import json
from typing import Any

from rnnsweep.config import Config, marked, unused
from rnnsweep.types import EXECUTION, PER_MEMBER, PROGRAM_AT_ONE, PROGRAM_AT_ZERO


def fingerprint(config: Config, classes: dict[str, type], source_hash: str, parent: str = "") -> str:
    """64 hexadecimal digits for all that changes a run's result.

    Args:
        config: its settings and its seed.
        classes: the class of each group.
        source_hash: of the content of its files.
        parent: the identity of the run that it starts from; empty where it starts from nothing.
    """
    identity: dict[str, Any] = {"seed": config["seed"], "source": source_hash} | ({"from": parent} if parent else {})
    for group, cls in classes.items():
        hidden = marked(cls, EXECUTION) | unused(config[group], cls)
        identity[group] = {name: value for name, value in config[group].items() if name not in hidden}
    return _digest(identity)


def signature(config: Config, classes: dict[str, type], source_hash: str, begins: int = 0) -> str:
    """64 hexadecimal digits for what runs of one stack share: all but the seed and the numbers of a member."""
    shape: dict[str, Any] = {"source": source_hash} | ({"begins": begins} if begins else {})
    for group, cls in classes.items():
        free = marked(cls, PER_MEMBER) | marked(cls, EXECUTION) | unused(config[group], cls)
        shape[group] = {name: value for name, value in config[group].items() if name not in free}
        for number, marker in enumerate((PROGRAM_AT_ZERO, PROGRAM_AT_ONE)):
            shape[group] |= {f"{name} is {number}": config[group][name] == number for name in marked(cls, marker)}
    return _digest(shape)


def _digest(content: Config) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def names(config: Config, digest: str) -> list[str]:
    """The names that a run may have, the shortest first: `<task>-<cell>-s<seed>-` and digits of its fingerprint.

    A run has the first one that no other run has.
    """
    stem = f"{config['choices']['task']}-{config['choices']['cell']}-s{config['seed']}"
    return [f"{stem}-{digest[:digits]}" for digits in range(8, 65, 4)]


def run_id(config: Config, classes: dict[str, type], source_hash: str) -> str:
    """The shortest name of a run: a pure function of the resolved config and the data."""
    return names(config, fingerprint(config, classes, source_hash))[0]
