"""Results of other programs stand in the report's tables, marked as external."""

from pathlib import Path

import pytest
import records

from rnnsweep.errors import ReportError
from rnnsweep.report import external
from rnnsweep.report.analysis import DesignOptions, tuned_comparisons
from rnnsweep.report.arm_tables import comparison_table
from rnnsweep.report.collect import collect
from rnnsweep.report.runs import Runs
from rnnsweep.report.tuned_sentences import sentences

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
    assert runs.factor("cell").levels == ("rnn", "gru", "gru (external)")
    (of,) = tuned_comparisons([runs], None, {}, DesignOptions())
    assert of is not None
    assert of.tuning.equal
    assert of.leader.name == "GRU (external)"
    assert [row.cells[2].text for row in comparison_table(of).rows] == ["1", "2", "2"]
    assert "how GRU (external) was tuned is not known" in sentences(of)[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model,seed,loss\na,1,2\n", "has model, seed, loss; expected a row for each run"),
        ("cell,val/loss\na,1.0\nb,low\n", "other.csv:3: val/loss: expected a number, got 'low'"),
        ("", "cannot be read as a CSV"),
    ],
)
def test_a_file_that_is_no_table_of_runs_is_refused(text: str, problem: str, study: Path) -> None:
    file = study.parent / "other.csv"
    file.write_text(text)
    with pytest.raises(ReportError, match=problem.replace("(", r"\(")):
        external.add(collect([study]), [file])
