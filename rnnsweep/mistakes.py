"""Mistakes in a command: one line for each error of Hydra and of our own checks, which names the word to correct."""

import os
import re
import shlex
import traceback
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString, ValueType
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from rnnsweep.errors import ConfigError
from rnnsweep.files import shown
from rnnsweep.override_text import quoted
from rnnsweep.secrets import redacted

BEFORE = ("rnnsweep.cli", "rnnsweep.terminal", "rnnsweep.__main__", "rnnsweep.interpolation")
"""The modules that run before Hydra does."""


def told(error: Exception, words: Sequence[str]) -> str | None:
    """One line for an error, without passwords, or None where it is no mistake of a user.

    Args:
        error: what was raised while a command was composed and checked.
        words: the words of the command, as they were typed.
    """
    line = _line(error, words)
    return redacted(line) if line else None


def _line(error: Exception, words: Sequence[str]) -> str | None:
    match error:
        case ConfigError():
            return _setting(error, words)
        case OverrideParseException():
            return _unreadable(error)
        case MissingConfigException():
            return _no_such_choice(error, words)
        case MarkedYAMLError() if error.problem_mark:
            mark = error.problem_mark
            return f"{shown(Path(mark.name))}, line {mark.line + 1}: not YAML: {error.problem}"
        case UnicodeDecodeError():
            return f"{_not_utf8(words)}is not UTF-8 ({error.reason} at byte {error.start}); save it in UTF-8"
        case HydraException():
            return _of_hydra(error, words)
    return _of_hydra(error, words) if _composing(error) else None


def _composing(error: Exception) -> bool:
    """Whether an error was raised while Hydra read what was typed: before any work, or for one run of a sweep."""
    frames = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    before = not any(name.startswith("rnnsweep.") and name not in BEFORE for name in frames)
    return "hydra._internal.config_loader_impl" in frames or (before and frames[-1].startswith(("hydra", "omegaconf")))


def admit(error: ConfigCompositionException, words: Sequence[str]) -> list[str] | None:
    """The words, changed so that Hydra lets the unknown key in: the settings' own check then says what is wrong.

    None where the error is another one.

    Raises:
        ConfigError: the key is one of Hydra's own, whose check is here.
    """
    missing = error.__cause__
    if isinstance(missing, OmegaConfBaseException) and str(missing.full_key).startswith("hydra."):
        from rnnsweep.config import suggestion

        hint = suggestion(str(missing.key), [str(name) for name in missing.parent_node or ()])
        raise ConfigError(str(missing.full_key), f"there is no such setting.{hint}") from None
    unknown = re.match(r"Could not override '([^']+)'", str(error))
    word = _typed(unknown.group(1), words) if unknown else None
    return None if word is None or word.startswith("+") else [f"+{text}" if text == word else text for text in words]


def override_of_texts(key: str, *values: str) -> str:
    """What to type so that values are texts, whatever characters they hold.

    Hydra reads the inner quotes, the shell the outer ones.
    """
    return shlex.quote(f"{key}=" + ",".join(map(quoted, values)))


# Which word --------------------------------------------------------------------------------------------------------


def _key(word: str) -> str:
    return word.lstrip("+~").split("=")[0].split("@")[0]


def _typed(key: str, words: Sequence[str]) -> str | None:
    """The word that set `key`, else one that set something in it."""
    exact = [word for word in words if _key(word) == key]
    return next(iter(exact + [word for word in words if _key(word).startswith(f"{key}.")]), None)


def _above(key: str, words: Sequence[str]) -> str | None:
    """The word that chose the group or set the dictionary in which `key` is."""
    return next((word for word in reversed(words) if "=" in word and key.startswith(f"{_key(word)}.")), None)


def _setting(error: ConfigError, words: Sequence[str]) -> str:
    for key in error.keys:
        if word := _typed(key, words):
            return f"`{word}`: {error.problem}{_as_a_number(word, error.problem)}"
    key = error.keys[0]
    word = _above(key, words) or _typed("study", words)
    return f"`{word}`, `{key}`: {error.problem}" if word else f"`{key}`: {error.problem}"


def _as_a_number(word: str, problem: str) -> str:
    """What to type where a variable of the environment holds a number, which is a text to Hydra."""
    key, _, value = word.partition("=")
    is_variable = re.fullmatch(r"\$\{oc\.env:[^{}]+\}", value)
    if not (is_variable and re.search(r"got '[\d.eE+-]+'$", problem)):
        return ""
    number = "${oc.decode:" + value + "}"
    return f", a text, as every variable of the environment is; for the number type {override_of_texts(key, number)}"


# What Hydra says ---------------------------------------------------------------------------------------------------


def _unreadable(error: OverrideParseException) -> str:
    key, _, value = error.override.partition("=")
    whole = "," not in value or os.path.exists(value)
    hint = f"; a text goes in quotes: {override_of_texts(key, *([value] if whole else value.split(',')))}"
    hint = "" if value[:1] in ("", "[", "{", '"', "'") or value.endswith(",") else hint
    said = error.message.splitlines()[1].split(" expecting {")[0]
    return f"`{error.override}`: cannot be read as KEY=VALUE ({said}){hint}"


def _no_such_choice(error: MissingConfigException, words: Sequence[str]) -> str:
    from rnnsweep.config import suggestion

    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    above, _, inner = group.partition("/")
    if above == "study" and inner:
        problem = f"in the defaults of a study, write `- override /{inner}: {name}`"
        return f"`{_typed(above, words) or group}`: {problem}"
    problem = f"there is no {group or 'config'} `{name}`.{suggestion(name, sorted(error.options or []))}"
    word = _typed(group, words) if group else None
    elsewhere = f"{group}={name}" if group else name
    return f"`{word or _typed('study', words) or elsewhere}`: {problem}"


_SAYINGS = {
    r"(?s).*Environment variable '(?P<name>[^']+)' not found.*full_key: (?P<key>\S+)": (
        "the environment variable `{name}` is not set"
    ),
    r"Ambiguous value for argument '(?P<word>.+)'\n": "several values are a sweep; add -m to train a run for each",
    r"Sweep parameters '(?P<word>.+)' requires": "several values are a sweep; add -m to train a run for each",
    r"Sweeping over Hydra's configuration is not supported ?: ?'(?P<word>.+)'": "a setting of Hydra takes one value",
    r"Could not append to config. An item is already at '(?P<key>.+)'\.": "is set already; leave out the +",
    r"In '(?P<file>.+)': Invalid Defaults List override .*\n?.*@(?!_global_|hydra)": (
        "its YAML lacks the first line `# @package _global_`; without it, nothing that it sets counts"
    ),
    r"In '(?P<file>.+)': \w+ raised while composing config:\n(?P<said>.+)": "does not fit the shipped settings: {said}",
    r"Config group override must be": "a group takes the name of one of its choices",
    r"(?s)(?P<said>.+?)\n\s*full_key: (?P<key>hydra\.[\w.]+)": "{said}",
}
"""What Hydra says, and what it means here; `word`, `key` and `file` tell where."""


def _of_hydra(error: Exception, words: Sequence[str]) -> str:
    message = str(error) or str(error.__cause__ or "cannot be composed")
    for pattern, problem in _SAYINGS.items():
        if found := re.match(pattern, message):
            parts = found.groupdict()
            where = parts.get("word") or _typed(parts.get("key", ""), words) or parts.get("key") or parts.get("file")
            where = where or next(filter(_is_no_choice, words), "")
            return f"`{where}`: {problem.format(**parts)}{_as_a_file(where)}"
    word = next((word for word in words if word.lstrip("+~") in message), None)
    word = word or next((word for word in words if "=" in word and _key(word) and _key(word) in message), None)
    word = word or next((word for word in words if len(value := word.partition("=")[2]) > 1 and value in message), None)
    word = word or next(filter(_is_no_choice, words), None)
    return (f"`{word}`: " if word else "") + " ".join(message.split())


def _as_a_file(word: str) -> str:
    """What to type where several values are the name of one file."""
    key, _, value = word.partition("=")
    return (
        f"; for the file of that name: {override_of_texts(key, value)}"
        if "," in value and os.path.exists(value)
        else ""
    )


def _is_no_choice(word: str) -> bool:
    """Whether a word gives a group something other than names of its choices."""
    from rnnsweep.config import General, schema

    if "=" not in word or "." in _key(word) or _key(word) in schema(General).model_fields:
        return False
    (override,) = OverridesParser.create().parse_overrides([word])
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
        return False
    values = list(override.sweep_iterator()) if override.is_discrete_sweep() else [override.value()]
    return not all(isinstance(value, str | QuotedString) for value in values)


def _not_utf8(words: Sequence[str]) -> str:
    """The first file of the user's folders of configs that is not UTF-8."""
    from rnnsweep.help import own_folders

    for file in (file for folder in own_folders(list(words)) for file in sorted(folder.rglob("*.yaml"))):
        try:
            file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return f"{shown(file)} "
    return "a YAML file "
