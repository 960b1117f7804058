"""Values as text on the command line: Hydra reads back what was meant."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString

from rnnsweep.override_text import typed, value_text
from rnnsweep.report.retyped import full_command

VALUES = [
    "gru", "mes données.txt", "null", "True", "1", "nan", "", "a\\b c", "a\\", 'say "x" ', "a,b", "x=1", "data/a-b.txt",
    1, 1e-5, -0.5, True, None, [1, "é é"], [], {"a": "null", "b c": [1]},
]  # fmt: skip


def plain(value: Any) -> Any:
    """What Hydra read, with quoted texts as texts."""
    match value:
        case QuotedString():
            return value.text
        case list():
            return [plain(each) for each in value]
        case dict():
            return {plain(key): plain(each) for key, each in value.items()}
    return value


def read(word: str) -> Any:
    """The value that Hydra reads from an override."""
    return plain(OverridesParser.create().parse_override(word).value())


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_hydra_reads_a_value_back(value: Any) -> None:
    for text in (typed(value), value_text(value)):
        found = read(f"key={text}")
        assert (found, type(found)) == (value, type(value))


def test_a_name_needs_no_quotes() -> None:
    assert [typed(name) for name in ("gru", "lstm_vanilla", "null", "two words")] == [
        "gru", "lstm_vanilla", '"null"', '"two words"',
    ]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_full_command_of_a_run_names_its_values(value: Any) -> None:
    command = full_command({"choices": {"task": "charlm"}, "task": {"text": value}, "seed": 3}, Path("study"))
    assert command is not None
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "rnnsweep", "task=charlm"]
    assert words[5:] == ["seed=3", "out=study"]
    found = read(words[4])
    assert words[4].startswith("task.text=")
    assert (found, type(found)) == (value, type(value))
