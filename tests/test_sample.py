"""What `rnnsweep.sample` begins with, and what it refuses."""

import argparse
import types
from pathlib import Path
from typing import Any

import pytest
from conftest import Compose

from rnnsweep import run
from rnnsweep.errors import ConfigError
from rnnsweep.sample import _opening, _written
from rnnsweep.vocab import Vocab


@pytest.mark.parametrize(
    ("prompts", "text", "opening"),
    [(None, "The cat", "The "), (None, "кошка", "а"), (["ко"], "кошка", "ко"), (["Th"], "кошка", "а")],
)
def test_a_text_begins_with_what_its_vocabulary_knows(prompts: list[str] | None, text: str, opening: str) -> None:
    task: Any = types.SimpleNamespace(prompts=prompts, vocab=Vocab(text), opening="The ")
    assert _opening(task) == opening


def test_a_label_where_there_are_no_classes_is_refused(composed: Compose, text: Path) -> None:
    task = run.identify(composed("task=charlm", f"task.text={text}")).task
    options = argparse.Namespace(run=Path("a-run"), label="Fynnur", prompt=None)
    with pytest.raises(ConfigError, match="--label: the task of a-run has no classes"):
        _written(task, None, options)  # type: ignore[arg-type]


def test_a_config_without_a_group_is_refused(composed: Compose) -> None:
    config = composed("task=parity")
    del config["cell"]
    with pytest.raises(ConfigError, match="cell: a run needs one cell"):
        run.validated(config)
