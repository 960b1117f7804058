"""Runs as data frames: a row each, curves in long form."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import records

import rnnsweep
from rnnsweep.errors import ReportError
from rnnsweep.report.results import Results


@pytest.fixture
def study(tmp_path: Path) -> Path:
    records.plan(tmp_path / "study", records.config(cell="lstm", seed=9))
    for seed in range(2):
        records.run(tmp_path / "study", 1.0 + seed, cell="gru", cell__gates=seed, train__clip=None, seed=seed, rows=2)
        records.run(tmp_path / "study", 3.0 + seed, cell="rnn", train__clip=1.0, seed=seed, rows=1)
    records.run(tmp_path / "study", 9.0, "failed", cell="rnn", seed=7)
    return tmp_path / "study"


def test_a_row_a_run_with_settings_and_outcomes(study: Path) -> None:
    runs = rnnsweep.results(study)
    assert len(runs) == 6
    assert runs["status"].value_counts().to_dict() == {"complete": 4, "failed": 1, "missing": 1}
    done = runs[runs["status"] == "complete"]
    assert isinstance(done, Results)
    means = done.groupby("cell")["test/loss"].mean()
    assert means.to_dict() == pytest.approx({"gru": 1.51, "rnn": 3.51})
    assert pd.api.types.is_numeric_dtype(runs["seed"])
    assert pd.api.types.is_numeric_dtype(runs["val/loss"])
    assert list(done["cell.gates"].isna()) == list(done["cell"] == "rnn")
    assert list(done["train.clip"].isna()) == list(done["cell"] == "gru")
    assert set(runs.loc[runs["status"] == "failed", "error"]) == {"Traceback\nValueError: broken"}
    assert {"cell.hidden_size", "last:val/loss", "seconds", "parameters", "steps", "task", "path"} <= set(runs)
    assert not any(name.startswith("env:") for name in runs)


def test_curves_are_long_and_join_with_the_settings(study: Path) -> None:
    runs = rnnsweep.results(study)
    curves = runs.curves()
    assert list(curves) == ["run", "step", "split", "metric", "value"]
    assert curves["metric"].value_counts().to_dict() == {"loss": 12, "grad_norm": 6}
    losses = runs.curves("val", "loss").merge(runs, on="run")
    assert losses.groupby(["cell", "step"])["value"].mean().to_dict() == pytest.approx(
        {("gru", 1): 2.5, ("gru", 2): 2.0, ("rnn", 1): 4.5}
    )
    assert runs[runs["status"] == "missing"].curves().empty


def test_several_studies_and_a_wrong_one(study: Path, tmp_path: Path) -> None:
    records.run(tmp_path / "other", 1.0, task="parity")
    assert set(rnnsweep.results(str(study), tmp_path / "other")["task"]) == {"charlm", "parity"}
    with pytest.raises(ReportError, match="no such directory"):
        rnnsweep.results(tmp_path / "nowhere")
    with pytest.raises(AttributeError, match="no attribute 'result'"):
        _ = rnnsweep.result


def test_importing_the_package_imports_nothing_heavy(study: Path) -> None:
    code = (
        "import json, sys, rnnsweep; before = {'pandas', 'torch', 'hydra'} & set(sys.modules); "
        "rnnsweep.results(sys.argv[1]).curves(); print(json.dumps([[*before], 'torch' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code, study], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[], False]
