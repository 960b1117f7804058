"""Runs from Python: the overrides, refusals and records of the command line."""

from pathlib import Path

import pytest

from rnnsweep.errors import ConfigError
from rnnsweep.notebook import composed, train
from rnnsweep.run import saved

SMALL = ("task=parity", "task.examples=400", "task.held_out=50", "cell.hidden_size=8", "train.batch_size=16")
QUICK = (*SMALL, "train.steps=20", "train.kernel=library", "train.progress=false")


def test_a_run_its_files_and_the_same_call_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = train(*QUICK, f"out={tmp_path}")
    record = store.record()
    assert record is not None
    assert record.status == "complete"
    assert store.path.parent == tmp_path
    assert {"train", "val", "test"} <= {row["split"] for row in store.rows()}
    assert (store.path / "curves.png").exists()
    run, model = saved(store.path)
    assert run.id == store.path.name
    assert sum(weight.numel() for weight in model.parameters()) == record.parameters
    assert capsys.readouterr().out == ""
    again = train(*QUICK, f"out={tmp_path}")
    assert again.record() == record
    assert "is finished" in capsys.readouterr().out


def test_a_run_has_the_name_and_the_settings_of_the_command_line() -> None:
    run = composed(*SMALL, "seed=3", "optimizer.lr=${seed}")
    assert run.id.startswith("parity-gru-s3-")
    assert run.config["optimizer"]["lr"] == 3.0


def test_what_is_wrong_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"GRU has no parameter `hiden_size`. Did you mean `hidden_size`?"):
        composed("cell.hiden_size=8")
    with pytest.raises(ConfigError, match="no setting or group `cel`"):
        composed("cel.hidden_size=8")
    with pytest.raises(ConfigError, match="expected at least 1, got 0"):
        composed("cell.hidden_size=0")
