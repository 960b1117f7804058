"""Levels that a study no longer counts, such as `cell=lstm`. Their runs stay on disk, and the report names them."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnsweep import files
from rnnsweep.errors import ConfigError
from rnnsweep.study_folder import retired_file


@dataclasses.dataclass(frozen=True)
class Level:
    """One value of a setting; 1e-3 and 0.001 are one level."""

    key: str
    """As in `cell` or `cell.hidden_size`."""
    text: str = dataclasses.field(compare=False)
    """The value as it is typed, as in `lstm`, `128` or `null`."""
    value: str = dataclasses.field(repr=False)
    """The same in one form."""

    @classmethod
    def of(cls, word: str) -> "Level":
        """The level that a word such as `cell=lstm` names.

        Raises:
            ConfigError: the word is no setting with a value.
        """
        key, _, text = word.partition("=")
        if not key or not text:
            raise ConfigError(word, "expected a setting and its value, as in `cell=lstm`")
        return cls(key, text, level_text(_value(text)))

    def holds(self, settings: Mapping[str, Any]) -> bool:
        """Whether a run with these settings, by their keys, has this level."""
        return self.key in settings and level_text(settings[self.key]) == self.value

    def __str__(self) -> str:
        return f"{self.key}={self.text}"


def level_text(value: Any) -> str:
    """A value as it is typed; equal numbers have one text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # a name, such as lstm
        return text


def read(study: Path) -> list[Level]:
    """The retired levels of a study."""
    return [Level.of(word) for word in files.read(retired_file(study), list[str], _are_levels) or []]


def write(study: Path, levels: Sequence[Level]) -> None:
    """Names the retired levels of a study, all of them."""
    files.make(retired_file(study).parent)
    files.write(retired_file(study), json.dumps([str(level) for level in levels]))


def _are_levels(words: list[str]) -> bool:
    return all(word.partition("=")[0] and word.partition("=")[2] for word in words)
