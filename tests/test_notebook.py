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


WRONG = [
    ("cell.hiden_size=8", r"cell.hiden_size: GRU has no parameter `hiden_size`. Did you mean `hidden_size`?"),
    ("cel.hidden_size=8", "cel: there is no setting or group `cel`. Did you mean `cell`?"),
    ("cell.hidden_size=0", "cell.hidden_size: expected at least 1, got 0"),
    ("lr=0.1", "lr: there is no setting or group `lr`. Did you mean `optimizer.lr`?"),
    ("train.hidden_size=8", "TrainConfig has no parameter `hidden_size`. Did you mean `cell.hidden_size`?"),
    ("hydra.swepper.name=x", "hydra.swepper: there is no such setting. Did you mean `sweeper`?"),
    ("hydra.sweeper.wokers=2", "hydra.sweeper.wokers: there is no such setting. Did you mean `workers`?"),
    ("cell=gruu", "the overrides: `cell=gruu`: there is no cell `gruu`. Did you mean `gru`?"),
    ("cell=gru,rnn", "the overrides: `cell=gru,rnn`: several values are a sweep"),
    ("cell.hidden_size=[", "the overrides: `cell.hidden_size=[`: cannot be read as KEY=VALUE"),
    ("task.path=имена", "a text goes in quotes"),
    ("cell", "the overrides: "),
    ("cell.hidden_size=${nothing}", "nothing"),
    ("~cell", "a run needs one cell"),
    ("seed=x", "seed: expected an integer"),
    ("task.examples=null", "task.examples: "),
]


@pytest.mark.parametrize(("override", "said"), WRONG)
def test_what_is_wrong_is_refused_by_name(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        composed(override)
    assert said in str(refused.value)


def test_a_notebook_shows_a_line_in_place_of_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell.instance()
    shell.run_cell(
        "from rnnsweep.errors import ConfigError\nraise ConfigError('cell.size', 'there is no such setting')"
    )
    said = capsys.readouterr()
    assert (said.out + said.err).strip() == "rnnsweep: cell.size: there is no such setting"
