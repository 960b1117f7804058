"""What was read before a claim is read again after it: another process may have trained the run in between."""

import json
import platform
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PARITY, Compose

from rnnsweep import run, single
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.sweep.task import WorkTask
from rnnsweep.sweep.work_options import WorkOptions

COMPLETE = RunRecord("r", "complete", {"val/loss": 1.0}, {"step": 5.0}, 10, 1.0, 5, {"seed": 0}, {"host": "h"})
FAILED = RunRecord("r", "failed", {}, {}, 0, 0.0, 5, {"seed": 0}, {"host": "h"}, error="broken")


@pytest.fixture
def finished_before_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process finishes each run between a look at its record and the claim."""
    claim: Callable[[RunStore], bool] = RunStore.claim

    def late(store: RunStore) -> bool:
        claimed = claim(store)
        store.finish(COMPLETE)
        return claimed

    monkeypatch.setattr(RunStore, "claim", late)


@pytest.mark.usefixtures("finished_before_the_claim")
def test_a_failure_that_was_mended_meanwhile_is_not_forgotten(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.finish(FAILED)
    store.forget_failure()
    assert store.record() == COMPLETE
    assert not store.held()


def test_a_failure_is_forgotten(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.forget_failure()
    store.finish(FAILED)
    store.forget_failure()
    assert store.record() is None
    assert not store.held()


@pytest.mark.usefixtures("finished_before_the_claim")
def test_the_death_of_a_worker_is_not_counted_against_a_run_that_another_finished(tmp_path: Path) -> None:
    boards = tmp_path / ".study" / "workers"
    boards.mkdir(parents=True)
    (boards / f"{platform.node()}-7.json").write_text(json.dumps({"pid": 7, "time": 0.0, "runs": ["r"]}))
    (tmp_path / "r").mkdir()
    store = RunStore(tmp_path / "r")
    WorkTask(tmp_path / ".study" / "plan-0.json", WorkOptions()).record_death(7, "SIGKILL")
    assert store.record() == COMPLETE
    assert store.deaths() == 0


@pytest.mark.usefixtures("finished_before_the_claim")
def test_a_run_that_another_finished_is_not_trained(
    composed: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared = run.prepare(composed(*PARITY))
    store = RunStore(tmp_path / prepared.id)
    assert single.train(prepared, store) == COMPLETE
    assert "is finished" in capsys.readouterr().out
    assert [file.name for file in store.path.iterdir() if file.name != ".lock"] == ["record.json"]
