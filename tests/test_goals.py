"""The studies of the synthetic tasks reach what their files promise: each is run as a user would, in its small size."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow


def small(study: str, folder: Path, *overrides: str) -> list[dict[str, Any]]:
    """The records of a study in its small size."""
    command = [sys.executable, "-m", "rnnsweep", f"+study={study}", "size=small", *overrides, "train.threads=1"]
    quiet = ["train.progress=false", "hydra.sweeper.workers=1", f"hydra.sweep.dir={folder}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *quiet], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*/*/record.json"))]


def exact_at(record: dict[str, Any], length: int) -> float:
    (row,) = [row for row in record["summary"]["by_length"] if row["length"] == length]
    return float(row["exact"])


def test_counting_reaches_five_times_the_length(tmp_path: Path) -> None:
    (record,) = small("counting", tmp_path)
    assert record["best"]["test/accuracy"] == 1.0
    assert record["best"]["test/loss"] < 1e-4
    assert exact_at(record, 100) >= 0.99
    before, truth = (record["summary"]["predictions"][name] for name in ("before", "truth"))
    assert max(abs(a - b) for a, b in zip(before, truth, strict=True)) > 1


def test_parity_reaches_ten_times_the_length(tmp_path: Path) -> None:
    """Both ways of asking, with the simplest cell."""
    records = small("parity", tmp_path, "cell=rnn")
    assert {record["config"]["task"]["output"] for record in records} == {"each", "last"}
    for record in records:
        assert record["best"]["test/accuracy"] == 1.0
        assert exact_at(record, 500) >= 0.99


def test_a_sum_at_the_start_learns_the_mean_in_a_hundred_steps(tmp_path: Path) -> None:
    (record, _) = small("seqmean", tmp_path, "cell=rnn_identity", "cell.num_layers=1")
    assert record["best"]["test/loss"] < 1e-4


def test_a_clean_sine_is_forecast_and_noise_is_not(tmp_path: Path) -> None:
    clean, noisy = sorted(small("sine", tmp_path, "cell=rnn"), key=lambda record: record["config"]["task"]["noise"])
    assert clean["best"]["test/free_mse"] < 1e-5
    (first, *_, last) = clean["summary"]["training"]
    assert first["step"] == 0
    assert first["free_mse"] > 0.1 > 1e-4 > last["free_mse"]
    assert noisy["best"]["test/one_step_mse"] > noisy["best"]["test/noise_mse"]
