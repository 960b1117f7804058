"""Trackers hold the same numbers as metrics.jsonl."""

import contextlib
import importlib.machinery
import signal
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from conftest import Compose

from rnnsweep import observers, run, single
from rnnsweep.errors import TOLD, ConfigError
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.observers import Careful
from rnnsweep.record import RunStore
from rnnsweep.trackers import tracked
from rnnsweep.train import Observer

SMALL = ("task=parity", "task.examples=100", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=4")
PLAIN = (*SMALL, "train.kernel=library")


class StopAt(Observer):
    """Asks a run to stop after a step, as a signal does."""

    def __init__(self, stop: StopRequest, step: int):
        self.stop, self.step = stop, step

    def stepped(self, step: int) -> None:
        if step == self.step:
            self.stop.signum = signal.SIGTERM


def train(composed: Compose, out: Path, tracker: str, stop_at: int = 0, *settings: str) -> RunStore:
    """Trains or continues a run of 20 steps: train rows at each fifth, validations at each tenth."""
    length = ("train.steps=20", "train.log_every=5", "train.eval_every=10")
    prepared = run.prepare(composed(*PLAIN, *length, f"train.tracker={tracker}", *settings))
    store, stop = RunStore(out / prepared.id), StopRequest()
    assert store.claim()
    with contextlib.suppress(Interrupted):
        run.execute([(prepared, store)], tracked(StopAt(stop, stop_at), prepared.train.tracker), stop)
    store.release()
    return store


@pytest.fixture(autouse=True)
def _forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Careful, "failed_at", {})
    monkeypatch.setattr("time.sleep", lambda _: None)
    TOLD.clear()


def rows(store: RunStore) -> dict[tuple[str, int], float]:
    return {(f"{row['split']}/loss", row["step"]): row["loss"] for row in store.rows()}


def test_tensorboard(composed: Compose, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    store = train(composed, tmp_path, "tensorboard")
    events = EventAccumulator(str(store.path / "tensorboard")).Reload()
    wanted = rows(store)
    assert {name for name, _ in wanted} == {"train/loss", "val/loss", "test/loss"}
    for (name, step), loss in wanted.items():
        assert {event.step: event.value for event in events.Scalars(name)}[step] == pytest.approx(loss, rel=1e-6)


def test_tensorboard_goes_on_where_a_run_was_interrupted(composed: Compose, tmp_path: Path) -> None:
    """Rows that came after the checkpoint come again, once; the test's row, of an earlier step, takes none back."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(composed, tmp_path, "tensorboard", stop_at=13)
    store = train(composed, tmp_path, "tensorboard")
    events = EventAccumulator(str(store.path / "tensorboard")).Reload()
    logged = {name: [event.step for event in events.Scalars(name)] for name in ("train/loss", "val/loss")}
    assert logged == {"train/loss": [5, 10, 15, 20], "val/loss": [10, 20]}
    assert [event.step for event in events.Scalars("test/loss")] == [
        row["step"] for row in store.rows() if row["split"] == "test"
    ]


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
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"train.tracker: wandb is not installed"):
        tracked(Observer(), "wandb")


def test_none_is_asked_for() -> None:
    observer = Observer()
    assert tracked(observer, None) is observer


# Trackers as their packages are, without the packages ------------------------------------------------------------


class Server:
    """What an MLflow server keeps, and how it answers."""

    def __init__(self) -> None:
        self.experiments: list[str] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.away_after: int | None = None
        self.calls = 0
        self.another_was_first = False

    def answer(self) -> None:
        self.calls += 1
        if self.away_after is not None and self.calls > self.away_after:
            raise ConnectionError("Max retries exceeded with url: http://mlflow:5000")


def install(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, origin=name)
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()

    class MlflowClient:
        def __init__(self, uri: str) -> None:
            server.answer()

        def get_experiment_by_name(self, name: str) -> Any:
            server.answer()
            return types.SimpleNamespace(experiment_id="7") if name in server.experiments else None

        def create_experiment(self, name: str) -> str:
            server.answer()
            if server.another_was_first:
                server.experiments.append(name)
            if name in server.experiments:
                raise RuntimeError("RESOURCE_ALREADY_EXISTS: Experiment 'rnnsweep' already exists.")
            server.experiments.append(name)
            return "7"

        def create_run(self, experiment: str, run_name: str) -> Any:
            server.answer()
            id = f"r{len(server.runs)}"
            server.runs[id] = {"name": run_name, "experiment": experiment, "status": "RUNNING", "rows": []}
            return types.SimpleNamespace(info=types.SimpleNamespace(run_id=id))

        def get_run(self, id: str) -> Any:
            server.answer()
            return server.runs[id]

        def update_run(self, id: str, status: str) -> None:
            server.answer()
            server.runs[id]["status"] = status

        def log_metric(self, id: str, key: str, value: float, step: int) -> None:
            server.answer()
            server.runs[id]["rows"].append((key, step, value))

        def set_terminated(self, id: str, status: str = "FINISHED") -> None:
            server.answer()
            server.runs[id]["status"] = status

    install(monkeypatch, "mlflow")
    install(monkeypatch, "mlflow.tracking", MlflowClient=MlflowClient)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    return server


def losses(server: Server) -> list[tuple[str, int]]:
    (only,) = server.runs.values()
    return [(key, step) for key, step, _ in only["rows"] if key in ("train/loss", "val/loss")]


WHOLE = [("train/loss", step) for step in (5, 10, 15, 20)] + [("val/loss", step) for step in (10, 20)]


def test_mlflow_goes_on_with_the_run_that_was_interrupted(composed: Compose, tmp_path: Path, mlflow: Server) -> None:
    store = train(composed, tmp_path, "mlflow", stop_at=13)
    assert mlflow.runs["r0"]["status"] == "KILLED"
    store.path.joinpath("last.pt").unlink()  # all steps come again, as after a loss of the checkpoint
    train(composed, tmp_path, "mlflow")
    assert sorted(losses(mlflow)) == WHOLE
    assert mlflow.runs["r0"]["status"] == "FINISHED"
    assert mlflow.runs["r0"]["name"] == store.path.name


def test_a_run_that_diverged_failed_there(composed: Compose, tmp_path: Path, mlflow: Server) -> None:
    record = train(composed, tmp_path, "mlflow", 0, "optimizer.lr=1e6").record()
    assert record is not None
    assert record.status == "diverged"
    assert mlflow.runs["r0"]["status"] == "FAILED"


def test_another_server_gets_a_run_of_its_own(composed: Compose, tmp_path: Path, mlflow: Server) -> None:
    train(composed, tmp_path, "mlflow", stop_at=13)
    mlflow.runs = {}
    train(composed, tmp_path, "mlflow")
    assert [step for key, step in losses(mlflow) if key == "train/loss"] == [15, 20]


def test_of_two_workers_that_make_the_experiment_both_use_it(composed: Compose, tmp_path: Path, mlflow: Server) -> None:
    mlflow.another_was_first = True
    train(composed, tmp_path, "mlflow")
    assert mlflow.experiments == ["rnnsweep"]
    assert sorted(losses(mlflow)) == WHOLE


@pytest.mark.parametrize("away_after", [0, 3, 9])
def test_a_server_that_goes_away_costs_no_run(
    away_after: int, composed: Compose, tmp_path: Path, mlflow: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever the call. It is said once, and the server is not asked again at each row."""
    mlflow.away_after = away_after
    store = train(composed, tmp_path, "mlflow")
    record = store.record()
    assert record is not None
    assert record.status == "complete"
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert "train.tracker=mlflow failed, and the run goes on without it: ConnectionError: Max retries" in said[0]
    assert mlflow.calls <= away_after + 2  # the experiment is asked for twice


def test_a_server_that_comes_back_is_heard_of_again(
    composed: Compose, tmp_path: Path, mlflow: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "QUIET_SECONDS", 0.0)
    mlflow.away_after = 0
    train(composed, tmp_path, "mlflow", stop_at=13)
    mlflow.away_after = None
    train(composed, tmp_path, "mlflow")
    assert [step for key, step in losses(mlflow) if key == "train/loss"] == [15, 20]


class Sessions(list[dict[str, Any]]):
    """What `wandb.init` was called with, and what each run then heard."""

    def init(self, **options: Any) -> Any:
        session = options | {"rows": [], "exit_code": None}
        self.append(session)

        class Run:
            def log(self, row: dict[str, float]) -> None:
                session["rows"].append(row)

            def finish(self, exit_code: int | None = None) -> None:
                session["exit_code"] = exit_code

        return Run()


def test_wandb_goes_on_with_the_run_that_was_interrupted(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions()
    install(monkeypatch, "wandb", init=sessions.init, Settings=lambda **_: None)
    train(composed, tmp_path, "wandb", stop_at=13)
    train(composed, tmp_path, "wandb")
    first, second = sessions
    assert first["id"] == second["id"]
    assert first["resume"] == second["resume"] == "allow"
    assert first["mode"] == "offline"
    assert [session["exit_code"] for session in sessions] == [1, 0]
    steps = [[row["step"] for row in session["rows"] if "train/loss" in row] for session in sessions]
    assert steps == [[5, 10], [15, 20]]


@pytest.mark.parametrize("error", [ImportError("cannot import name `x` from protobuf"), PermissionError(13, "denied")])
def test_a_package_that_is_broken_costs_no_run(
    error: Exception, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    def init(**_: Any) -> None:
        raise error

    install(monkeypatch, "wandb", init=init, Settings=lambda **_: None)
    record = train(composed, tmp_path, "wandb").record()
    assert record is not None
    assert record.status == "complete"
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_a_display_that_fails_costs_no_run(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Breaks(Observer):
        def logged(self, *_: Any) -> None:
            raise UnicodeEncodeError("ascii", "ж", 0, 1, "ordinal not in range(128)")

    monkeypatch.setattr(single.curves, "draw", lambda _: None)
    monkeypatch.setattr(single.progress, "observer", lambda _: Breaks())
    prepared = run.prepare(composed(*PLAIN, "train.steps=10", "train.warmup=0"))
    assert single.train(prepared, RunStore(tmp_path / prepared.id)).status == "complete"
    (line,) = capfd.readouterr().err.splitlines()
    assert "the progress display failed, and the run goes on without it: UnicodeEncodeError" in line
