"""Trackers hold the same numbers as metrics.jsonl."""

from pathlib import Path

import pytest
from conftest import Compose

from rnnsweep import run
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.trackers import tracked
from rnnsweep.train import Observer

SMALL = ("task=parity", "task.examples=100", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=4")


def train(composed: Compose, out: Path, tracker: str) -> RunStore:
    prepared = run.prepare(composed(*SMALL, "train.steps=10", "train.log_every=5", f"train.tracker={tracker}"))
    store = RunStore(out / prepared.id)
    assert store.claim()
    run.execute([(prepared, store)], tracked(Observer(), prepared.train.tracker), StopRequest())
    store.release()
    return store


def rows(store: RunStore) -> dict[tuple[str, int], float]:
    return {(f"{row['split']}/loss", row["step"]): row["loss"] for row in store.rows()}


def test_tensorboard(composed: Compose, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    store = train(composed, tmp_path, "tensorboard")
    events = EventAccumulator(str(store.path / "tensorboard")).Reload()
    for (name, step), loss in rows(store).items():
        assert {event.step: event.value for event in events.Scalars(name)}[step] == pytest.approx(loss, rel=1e-6)


def test_mlflow(composed: Compose, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    from mlflow.tracking import MlflowClient

    store = train(composed, tmp_path, "mlflow")
    client = MlflowClient(f"sqlite:///{(store.path / 'mlflow').resolve()}/mlflow.db")
    (logged,) = client.search_runs([client.get_experiment_by_name("rnnsweep").experiment_id])
    assert logged.info.run_name == store.path.name
    for (name, step), loss in rows(store).items():
        assert {m.step: m.value for m in client.get_metric_history(logged.info.run_id, name)}[step] == loss


def test_wandb_offline(composed: Compose, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    store = train(composed, tmp_path, "wandb")
    assert list((store.path / "wandb").glob("offline-run-*/*.wandb"))


def test_a_tracker_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"train.tracker: wandb is not installed"):
        tracked(Observer(), "wandb")


def test_none_is_asked_for() -> None:
    observer = Observer()
    assert tracked(observer, None) is observer
