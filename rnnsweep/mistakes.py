"""Mistakes in a command: one line for each error of Hydra and of our own checks, which names the word to correct."""

import re
import traceback
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from rnnsweep.command_words import override_of_texts, word_above, word_of
from rnnsweep.errors import ConfigError
from rnnsweep.files import shown
from rnnsweep.hydra_mistakes import no_such_choice, not_utf8, of_hydra, unreadable
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
            return unreadable(error)
        case MissingConfigException():
            return no_such_choice(error, words)
        case MarkedYAMLError() if error.problem_mark:
            mark = error.problem_mark
            return f"{shown(Path(mark.name))}, line {mark.line + 1}: not YAML: {error.problem}"
        case UnicodeDecodeError():
            return f"{not_utf8(words)}is not UTF-8 ({error.reason} at byte {error.start}); save it in UTF-8"
        case HydraException():
            return of_hydra(error, words)
    return of_hydra(error, words) if _composing(error) else None


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
    word = word_of(unknown.group(1), words[::-1]) if unknown else None  # Hydra stops at the first
    return None if word is None or word.startswith("+") else [f"+{text}" if text == word else text for text in words]


def _setting(error: ConfigError, words: Sequence[str]) -> str:
    for key in error.keys:
        if word := word_of(key, words):
            return f"`{word}`: {error.problem}{_as_a_number(word, error.problem)}"
    key = error.keys[0]
    word = word_above(key, words) or word_of("study", words)
    return f"`{word}`, `{key}`: {error.problem}" if word else f"`{key}`: {error.problem}"


def _as_a_number(word: str, problem: str) -> str:
    """What to type where a variable of the environment holds a number, which is a text to Hydra."""
    key, _, value = word.partition("=")
    is_variable = re.fullmatch(r"\$\{oc\.env:[^{}]+\}", value)
    if not (is_variable and re.search(r"got '[\d.eE+-]+'$", problem)):
        return ""
    number = "${oc.decode:" + value + "}"
    return f", a text, as all environment variables are; for a number type {override_of_texts(key, number)}"
