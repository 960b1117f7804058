"""`task.check=true`: what of the validation or of the test is in the training part is told."""

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import CONF, Compose, Told, choices
from omegaconf import OmegaConf

from rnnsweep import run
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.tasks import repeats
from rnnsweep.train import Observer

FEW = {"examples": 200, "held_out": 40}
NEEDS_FILES = {"seqmnist"}
REPEATING = {"charlm", "wordlm"}
"""Their text, the help of Python, says some passages several times."""


def task(composed: Compose, name: str, *overrides: str) -> Any:
    known = OmegaConf.load(CONF / "task" / f"{name}.yaml")
    few = [f"task.{key}={count}" for key, count in FEW.items() if key in known]
    return run.identify(composed(f"task={name}", *few, *overrides)).task


@pytest.mark.parametrize("name", sorted(set(choices("task")) - NEEDS_FILES))
def test_what_ships_is_checked(name: str, composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    made = task(composed, name)
    if name in REPEATING:
        with pytest.raises(ConfigError, match="occur in `train`, too"):
            made.refuse_repeats()
    else:
        made.refuse_repeats()
    digests = made.digests
    monkeypatch.setattr(made, "digests", lambda split: digests("train" if split == "test" else split))
    with pytest.raises(ConfigError, match="occur in `train`, too"):
        made.refuse_repeats()


def test_a_line_of_both_parts_is_told(composed: Compose, tmp_path: Path) -> None:
    """Whatever its label, and though padding differs."""
    rows = {"train": ["abc\tx", "abcdef\ty", "xyz\tx", "xy\ty"], "val": ["b\tx", "c\ty"], "test": ["q\tx", "xyz\ty"]}
    for part, lines in rows.items():
        (tmp_path / f"{part}.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    settings = {"path": "train", "val_path": "val", "test_path": "test"}
    paths = [f"task.{key}={tmp_path}/{part}.tsv" for key, part in settings.items()]
    overrides = ["task=sentiment_class", *paths, "train.batch_size=2"]
    run.prepare(composed(*overrides))
    with pytest.raises(ConfigError) as caught:
        run.prepare(composed(*overrides, "task.check=true"))
    assert "1 of the 2 examples of `test` occur in `train`, too: number 1 of `test` is number 2" in str(caught.value)


def test_a_passage_of_both_parts_is_told(composed: Compose, tmp_path: Path) -> None:
    """Wherever it stands in the training text."""
    text = "".join(chr(97 + i * i % 23) + chr(97 + i // 23 % 26) for i in range(700))
    (tmp_path / "train.txt").write_text(text)
    (tmp_path / "val.txt").write_text(text[::-1][:200])
    (tmp_path / "test.txt").write_text(text[333 : 333 + 120])
    overrides = ["task=charlm", f"task.text={tmp_path}", "task.seq_len=16", "train.batch_size=2"]
    says = r"2 of the 2 passages of 50 symbols of `test` occur in `train`, too: number 0 of `test` is number 333"
    with pytest.raises(ConfigError, match=says):
        run.prepare(composed(*overrides, "task.check=true"))


def test_a_sweep_is_checked_too(refused: Told, tmp_path: Path, composed: Compose) -> None:
    """Before it starts, for one run of each shape; then each of its runs, whose seeds may give other data."""
    (tmp_path / "text.txt").write_text("the cat sat on the mat and the dog ran over the hill\n" * 40)
    words = ("task=charlm", f"task.text={tmp_path / 'text.txt'}", "task.check=true", "train.batch_size=2")
    assert "passages of 50 symbols of `val` occur in `train`, too" in refused("-m", *words)
    identified, store = run.identify(composed(*words)), RunStore(tmp_path / "run")
    store.claim()
    with pytest.raises(ConfigError, match=r"^task.check: .* of `val` occur in `train`, too"):
        run.execute([(identified, store)], Observer(), StopRequest())


def test_a_check_changes_no_identity(composed: Compose) -> None:
    plain, checked = (run.identify(composed("task=parity", f"task.check={on}")) for on in ("false", "true"))
    assert plain.id == checked.id


def test_windows_are_equal_where_their_symbols_are() -> None:
    tokens = torch.randint(0, 3, (2, 60), generator=torch.Generator().manual_seed(0))
    found = repeats.of_windows(tokens, 4, 1)
    texts = [str(row[i : i + 4].tolist()) for row in tokens for i in range(57)]
    assert [[a == b for b in found] for a in found] == [[a == b for b in texts] for a in texts]
