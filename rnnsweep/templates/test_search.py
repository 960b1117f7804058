"""new_search searches: its trials end, with values of the range."""

import os
import sys
from pathlib import Path

import pytest

import rnnsweep

CHOSEN = ["GROUP=new_search", "packages=[PACKAGE]", f"hydra.searchpath=[file://{Path(__file__).parent}/conf]", "OTHER"]
QUICK = ["train.steps=20", "train.eval_every=10", "cell.hidden_size=8", "train.kernel=scan", "hydra.sweeper.n_trials=6"]


def test_its_trials_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # of the sweep's own process
    runs = rnnsweep.sweep(*CHOSEN, *QUICK)
    assert set(runs["status"]) <= {"complete", "pruned"}
    assert runs["optimizer.lr"].between(1e-4, 1e-1).all()
