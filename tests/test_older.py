"""What earlier versions wrote stays readable: `kept/before_summaries` is a study in which summaries were showcases."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT, Compose
from test_train import numbers, rows, train

import rnnsweep
from rnnsweep.interrupt import Interrupted
from rnnsweep.record import RunStore
from rnnsweep.report import summaries
from rnnsweep.sweep.plan import Plan

STUDY = ROOT / "tests" / "kept" / "before_summaries"
RUNS = sorted(path.parent for path in STUDY.glob("*/record.json"))


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_its_records_are_read(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, store = json.loads((path / "record.json").read_text()), RunStore(path)
    record = store.record()
    assert record is not None
    assert record.summary == content["showcase"]
    assert set(summaries.read_summary(str(path))) == {"predictions"}
    assert store.config() == content["config"]
    assert [row["split"] for row in store.rows()] == ["train", "val", "train", "val", "test"]
    assert capsys.readouterr().err == ""


def test_its_plan_and_its_results_are_read() -> None:
    (plan,) = (Plan.load(file) for file in STUDY.glob(".study/plan-*.json"))
    assert sorted(plan.records()) == [path.name for path in RUNS]
    assert rnnsweep.results(STUDY)["status"].tolist() == ["complete", "complete"]


def older(standing: dict[str, Any]) -> dict[str, Any]:
    """How a run stood, as the checkpoints of earlier versions say it."""
    left = {name: value for name, value in standing.items() if name not in ("first", "share_seconds")}
    left["glimpses"] = left.pop("snapshots")
    return left


def test_a_run_goes_on_from_its_checkpoint(composed: Compose, tmp_path: Path) -> None:
    size = ("task=seqmean", "task.examples=64", "task.held_out=12", "train.batch_size=16", "cell.hidden_size=2")
    config = composed(*size, "train.steps=8", "train.eval_every=4", "train.log_every=4", "train.threads=1")
    whole = train(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(config, tmp_path / "cut", 5)
    (path,) = (tmp_path / "cut").glob("*/last.pt")
    content = torch.load(path, weights_only=True)
    torch.save(content | {"standing": older(content["standing"])}, path)
    cut = train(config, tmp_path / "cut")
    assert not path.with_name("last.pt.damaged").exists()
    assert numbers(cut.record()) == numbers(whole.record())
    assert rows(cut) == rows(whole)
    (summary,) = {json.dumps(store.record().summary) for store in (cut, whole)}  # type: ignore[union-attr]
    assert "before" in json.loads(summary)["predictions"]
