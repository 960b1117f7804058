"""What `rnnsweep.sample` begins with, and what it refuses."""

from pathlib import Path

import pytest
import torch
from conftest import Compose

from rnnsweep import run
from rnnsweep.api.writing import Options, opening, written
from rnnsweep.errors import ConfigError
from rnnsweep.vocab import Vocab


@pytest.mark.parametrize(
    ("prompts", "text", "expected"),
    [(None, "The cat", "The "), (None, "кошка", "а"), (["ко"], "кошка", "ко"), (["Th"], "кошка", "а")],
)
def test_a_text_begins_with_what_its_vocabulary_knows(prompts: list[str] | None, text: str, expected: str) -> None:
    assert opening(prompts, "The ", Vocab(text)) == expected


def test_a_label_where_there_are_no_classes_is_refused(composed: Compose, text: Path) -> None:
    task = run.identify(composed("task=charlm", f"task.text={text}")).task
    with pytest.raises(ConfigError, match=r"^label: the task of a-run has no classes"):
        written(task, torch.nn.Identity(), Options(label="Fynnur"), "a-run")


def test_a_config_without_a_group_is_refused(composed: Compose) -> None:
    config = composed("task=parity")
    del config["cell"]
    with pytest.raises(ConfigError, match="cell: a run needs one cell"):
        run.validated(config)
