"""What Hydra's errors mean, in one line that names the word to correct."""

import os
import re
from collections.abc import Sequence
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString, ValueType
from hydra.errors import MissingConfigException, OverrideParseException

from rnnsweep.command_words import key_of, override_of_texts, word_of
from rnnsweep.errors import ConfigError
from rnnsweep.files import shown


def refuse_options(words: Sequence[str]) -> None:
    """Refuses a word that begins with a dash and is no option of Hydra, and a value that an option does not have.

    Raises:
        ConfigError: there is one; a setting that was typed as an option is named without its dashes.
    """

    def refuse(message: str) -> NoReturn:
        option, _, problem = message.removeprefix("argument ").partition(": ")
        raise ConfigError(option, f"{problem}; `--hydra-help` lists the options")

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    unknown = parser.parse_known_args(words)[1]  # also settings after an option that takes a value
    if word := next((word for word in unknown if word.startswith("-")), None):
        setting = word.lstrip("-")
        hint = f"a setting has no dashes: `{setting}`" if "=" in setting else "a setting is written KEY=VALUE"
        raise ConfigError(key_of(word), f"there is no such option; {hint}; `--help` lists all")


def unreadable(error: OverrideParseException) -> str:
    """The line for a word that is no override."""
    key, _, value = error.override.partition("=")
    whole = "," not in value or os.path.exists(value)
    hint = f"; a text goes in quotes: {override_of_texts(key, *([value] if whole else value.split(',')))}"
    hint = "" if value[:1] in ("", "[", "{", '"', "'") or value.endswith(",") else hint
    said = error.message.splitlines()[1].split(" expecting {")[0]
    return f"`{error.override}`: cannot be read as KEY=VALUE ({said}){hint}"


def no_such_choice(error: MissingConfigException, words: Sequence[str]) -> str:
    """The line for a choice that a group does not have."""
    from rnnsweep.config import suggestion

    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    above, _, inner = group.partition("/")
    if above == "study" and inner:
        problem = f"in the defaults of a study, write `- override /{inner}: {name}`"
        return f"`{word_of(above, words) or group}`: {problem}"
    if not group:  # of --config-name, or of --config-path where the name is empty
        option, problem = ("--config-name", f"there is no config `{name}`") if name else ("--config-path", "no config")
        return f"`{option}`: {problem}; `--config-dir DIR` adds config groups of your own to those that ship"
    word = word_of(group, words)
    if word and error.options is None:  # Hydra looks for a list of choices one by one
        return f"`{word}`: a group takes the name of one of its choices"
    problem = f"there is no {group} `{name}`.{suggestion(name, sorted(error.options or []))}"
    return f"`{word or word_of('study', words) or f'{group}={name}'}`: {problem}"


_SAYINGS = {
    r"(?s).*Environment variable '(?P<name>[^']+)' not found.*full_key: (?P<key>\S+)": (
        "the environment variable `{name}` is not set"
    ),
    r"Ambiguous value for argument '(?P<word>.+)'\n": "several values are a sweep; add -m to train a run for each",
    r"Sweep parameters '(?P<word>.+)' requires": "several values are a sweep; add -m to train a run for each",
    r"Sweeping over Hydra's configuration is not supported ?: ?'(?P<word>.+)'": "a setting of Hydra takes one value",
    r"Could not append to config. An item is already at '(?P<key>.+)'\.": "is set already; leave out the +",
    r"In '(?P<file>.+)': Invalid Defaults List override .*\n?.*@(?!_global_|hydra)": (
        "its YAML lacks the first line `# @package _global_`; without it, its settings have no effect"
    ),
    r"In '(?P<file>.+)': \w+ raised while composing config:\n(?P<said>.+)": "does not fit the shipped settings: {said}",
    r"Config group override must be|argument of type '\w+' is not (iterable|a container)": (
        "a group takes the name of one of its choices"
    ),
    r"(?s)(?P<said>.+?)\n\s*full_key: (?P<key>hydra\.[\w.]+)": "{said}",
}
"""What Hydra says, and what it means here; `word`, `key` and `file` tell where."""


def of_hydra(error: Exception, words: Sequence[str]) -> str:
    """The line for any other error of Hydra."""
    message = str(error) or str(error.__cause__ or "cannot be composed")
    for pattern, problem in _SAYINGS.items():
        if found := re.match(pattern, message):
            parts = found.groupdict()
            where = parts.get("word") or word_of(parts.get("key", ""), words) or parts.get("key") or parts.get("file")
            where = where or next(filter(_is_no_choice, words), "")
            return f"`{where}`: {problem.format(**parts)}{_as_a_file(where)}"
    word = next((word for word in words if word.lstrip("+~") in message), None)
    word = word or next((word for word in words if "=" in word and key_of(word) and key_of(word) in message), None)
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

    if "=" not in word or "." in key_of(word) or key_of(word) in schema(General).model_fields:
        return False
    (override,) = OverridesParser.create().parse_overrides([word])
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
        return False
    values = list(override.sweep_iterator()) if override.is_discrete_sweep() else [override.value()]
    return not all(isinstance(value, str | QuotedString) for value in values)


def not_utf8(words: Sequence[str]) -> str:
    """The first file of the user's folders of configs that is not UTF-8."""
    from rnnsweep.help import own_folders

    for file in (file for folder in own_folders(list(words)) for file in sorted(folder.rglob("*.yaml"))):
        try:
            file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return f"{shown(file)} "
    return "a YAML file "
