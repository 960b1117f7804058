"""Results of other programs stand in the report's tables, marked as external."""

import json
import sys
from pathlib import Path

import pytest
import records

from rnnsweep.errors import ReportError
from rnnsweep.report import external
from rnnsweep.report.analysis import DesignOptions, tuned_comparisons
from rnnsweep.report.arm_tables import comparison_table
from rnnsweep.report.collect import collect
from rnnsweep.report.commands import confirmation
from rnnsweep.report.runs import Runs
from rnnsweep.report.tuned_sentences import sentences

pytestmark = pytest.mark.usefixtures("figures_not_drawn")

PLAIN = "cell,seed,val/loss,test/loss,parameters\n"
PLAIN += "".join(f"gru,{s},{1.8 + s / 50},{1.81 + s / 60},900\n" for s in range(3))
WANDB = "Name,State,Runtime,cell,seed,val/loss,test/loss\n" + "".join(
    f"their-{s},finished,7,gru,{s},{1.8 + s / 50},{1.81 + s / 60}\n" for s in range(3)
)
MLFLOW = "run_id,status,artifact_uri,params.cell,params.seed,metrics.val/loss,metrics.test/loss,tags.mlflow.runName\n"
MLFLOW += "".join(f"f{s},FINISHED,x,gru,{s},{1.8 + s / 50},{1.81 + s / 60},their-{s}\n" for s in range(3))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for cell, loss in (("gru", 1.9), ("rnn", 2.0)):
        for rate in (1e-3, 1e-2):
            for seed in range(3):
                records.run(tmp_path / "study", loss + rate + seed / 50, cell=cell, seed=seed, optimizer__lr=rate)
    return tmp_path / "study"


@pytest.mark.parametrize("text", [PLAIN, WANDB, MLFLOW], ids=["plain", "wandb", "mlflow"])
def test_results_of_another_program_stand_beside_ours(text: str, study: Path) -> None:
    file = study.parent / "other.csv"
    file.write_text(text)
    frame = external.add(collect([study]), [file])
    runs = Runs(frame)
    assert runs.settings.factor("cell").levels == ("rnn", "gru", "gru (external)")
    (of,) = tuned_comparisons([runs], None, {}, DesignOptions())
    assert of is not None
    assert of.tuning.equal
    assert of.leader.name == "GRU (external)"
    assert [row.cells[2].text for row in comparison_table(of).rows] == ["1", "2", "2"]
    assert "the tuning of GRU (external) is not known" in sentences(of)[0]


def test_event_files_of_tensorboard_stand_beside_ours(study: Path) -> None:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    folder = study.parent / "theirs"
    for seed in range(3):
        with SummaryWriter(str(folder / "gru" / str(seed))) as writer:
            for step, loss in ((1, 2.5), (2, 1.8 + seed / 50), (3, 2.1)):
                writer.add_scalar("val_loss", loss, step)
                writer.add_scalar("train_loss", 0.1, step)
            writer.add_scalar("test/loss", 1.85 + seed / 60, 3)
        with SummaryWriter(str(folder / f"logged-{seed}")) as writer:
            writer.add_scalar("val/loss", 1.7, 1)
            writer.add_hparams({"cell": "mine", "seed": 10 + seed}, {"hparam/done": 1.0})
    runs = Runs(external.add(collect([study]), [folder]))
    assert runs.settings.factor("cell").levels == ("rnn", "gru", "gru (external)", "mine (external)")
    theirs = runs.frame[runs.frame["cell"] == "gru (external)"]
    assert list(theirs["val/loss"]) == pytest.approx([1.8, 1.82, 1.84])
    assert list(theirs["test/loss"]) == pytest.approx([1.85 + seed / 60 for seed in range(3)])
    assert list(runs.frame.loc[runs.frame["cell"] == "mine (external)", "seed"]) == [10, 11, 12]
    assert "train/loss" not in theirs.dropna(axis=1) or theirs["train/loss"].isna().all()


def test_what_is_no_result_of_tensorboard_is_refused(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    folder = study.parent / "theirs"
    folder.mkdir()
    with pytest.raises(ReportError, match="no event file of TensorBoard"):
        external.add(collect([study]), [folder])
    with SummaryWriter(str(folder / "gru")) as writer:
        writer.add_scalar("accuracy", 0.5, 1)
    with pytest.raises(ReportError, match="its runs log accuracy; expected val/loss"):
        external.add(collect([study]), [folder])
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_accumulator", None)
    with pytest.raises(ReportError, match=r"needs tensorboard.*; pip install 'rnnsweep\[tensorboard\]'"):
        external.add(collect([study]), [folder])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model,seed,loss\na,1,2\n", "has model, seed, loss; expected a row for each run"),
        ("cell,val/loss\na,1.0\nb,low\n", "other.csv:3: val/loss: expected a number, got 'low'"),
        ("", "cannot be read as a CSV"),
        ("cell,seed,val/loss\na,1,2\na,,2\n", "some runs of a have a seed and some have none"),
        ("Wall time,Step,Value\n1,2,3\n", "is one curve of TensorBoard; give the folder"),
    ],
)
def test_a_file_that_is_no_table_of_runs_is_refused(text: str, problem: str, study: Path) -> None:
    file = study.parent / "other.csv"
    file.write_text(text)
    with pytest.raises(ReportError, match=problem.replace("(", r"\(")):
        external.add(collect([study]), [file])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (PLAIN + "gru,1,1.5,1.5,900\n", ": lines 3 and 5 are of gru with one seed and equal settings"),
        (WANDB.replace("their-1,finished", "their-1,stopped"), r":3: state: expected one of finished, .*got 'stopped'"),
    ],
)
def test_rows_that_would_count_twice_or_not_at_all_are_refused(text: str, problem: str, study: Path) -> None:
    file = study.parent / "other.csv"
    file.write_text(text)
    with pytest.raises(ReportError, match=problem):
        external.add(collect([study]), [file])


def test_one_seed_at_two_rates_is_no_repetition(study: Path) -> None:
    file = study.parent / "other.csv"
    file.write_text("cell,seed,optimizer.lr,val/loss\ngru,0,.1,1\ngru,0,.2,2\n")
    assert len(external.add(collect([study]), [file])) == 14
    file.write_text("cell,seed,state,val/loss\ngru,0,failed,\ngru,0,finished,2\n")
    assert len(external.add(collect([study]), [file])) == 14


def test_no_command_trains_a_cell_of_ours_in_the_place_of_theirs(study: Path) -> None:
    file = study.parent / "other.csv"
    file.write_text(PLAIN.replace("gru", "lstm"))
    (of,) = tuned_comparisons([Runs(external.add(collect([study]), [file]))], None, {}, DesignOptions())
    assert of is not None
    assert "LSTM (external)" in {arm.name for arm in of.tuning.ranked}
    assert "cell=gru,rnn optimizer.lr=0.001" in confirmation(of)
    assert "lstm" not in confirmation(of)


def test_percents_beside_shares_are_refused(study: Path) -> None:
    file = study.parent / "other.csv"
    file.write_text("cell,seed,val/loss,val/accuracy\nlstm,0,1.8,0.7\nlstm,1,1.8,87.2\n")
    assert len(external.add(collect([study]), [file])) == 14  # nothing is known of an accuracy
    for path in study.glob("*/record.json"):
        record = json.loads(path.read_text())
        record["declared"]["accuracy"] = {"unit": "share", "direction": "max", "chance": None}
        path.write_text(json.dumps(record))
    said = r"other.csv:3: val/accuracy: expected a share from 0 to 1, got 87.2; percents are given as 0.872"
    with pytest.raises(ReportError, match=said):
        external.add(collect([study]), [file])
