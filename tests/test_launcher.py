"""The local launcher: what becomes of workers that die, that end with an error or that cannot be started."""

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from rnnsweep.errors import MachineError
from rnnsweep.record import RunStore
from rnnsweep.sweep import launcher, worker_slot
from rnnsweep.sweep.task import WorkTask
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.system import START


class Silent:
    """No view of a sweep."""

    def refresh(self) -> None: ...

    def close(self) -> None: ...


@dataclasses.dataclass(frozen=True)
class Scripted(WorkTask):
    """A plan of three things to do, of which each is a file; a worker does what `work` says."""

    work: Callable[["Scripted"], None] = lambda task: None

    def __call__(self, config: Any = None) -> None:
        with open(self.study / "starts", "a") as file:
            file.write("x")
        self.work(self)

    @property
    def starts(self) -> int:
        return len((self.study / "starts").read_text())

    def view(self) -> Any:
        return Silent()

    def left(self) -> int:
        return 3 - len(list(self.study.glob("done-*")))


def launched(study: Path, work: Callable[[Scripted], None], workers: int = 1) -> Scripted:
    (study / ".study").mkdir(exist_ok=True)
    plan = study / ".study" / "plan-1.json"
    plan.write_text("[]")
    task = Scripted(plan, WorkOptions(), work)
    made = launcher.LocalLauncher(gpus=[])
    made.task = task
    made.launch([[]] * workers, 0)
    return task


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(worker_slot, "PAUSE", 0.01)


def die(_: Scripted) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def break_(_: Scripted) -> None:
    raise ZeroDivisionError("no such run")


def fill(task: Scripted) -> None:
    raise MachineError(task.study / "a" / "last.pt", OSError(28, "No space left on device"))


def leave(_: Scripted) -> None:
    """As a library does that finds a fault of its own."""
    os._exit(3)


@pytest.mark.parametrize(
    ("work", "said"),
    [(die, "SIGKILL"), (break_, "ZeroDivisionError: no such run"), (leave, "it ended with exit code 3")],
)
def test_a_worker_that_ends_before_any_run_got_further_is_tried_five_times(
    work: Callable[[Scripted], None], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    task = launched(tmp_path, work)
    assert task.starts == worker_slot.DEATHS == 5
    error = capfd.readouterr().err
    assert "Traceback" not in error
    lines = error.splitlines()
    assert said in lines[-1]
    assert "a worker ended 5 times in a row without progress and is not started again: " in lines[-1]
    assert len(lines) == 1 + (work is not die)  # an error is told once
    if work is break_:
        assert (tmp_path / ".study" / "errors.log").read_text().count("Traceback") == 5


def test_a_fault_of_the_machine_ends_the_sweep(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MachineError, match=r"last.pt cannot be written: No space left on device; make room"):
        launched(tmp_path, fill, workers=2)
    assert capfd.readouterr().err == ""


def test_a_worker_whose_runs_get_further_is_always_replaced(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def dies_after_a_run(task: Scripted) -> None:
        if task.starts % 4 == 0:  # three deaths in a row, then a run that ends
            (task.study / f"done-{task.starts}").touch()
        if task.left():
            die(task)

    assert launched(tmp_path, dies_after_a_run).starts == 12
    assert capfd.readouterr().err == ""


def test_a_worker_that_died_in_a_run_is_replaced_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runs are noted as having died, and the second death without progress ends them."""
    monkeypatch.setattr(worker_slot, "PAUSE", 1000.0)
    store = RunStore(tmp_path / "a-run")
    store.path.mkdir()
    store.write("config.json", "{}")

    def dies_in_it(task: Scripted) -> None:
        if store.record() is not None:
            return
        board = task.study / ".study" / "workers"
        board.mkdir(exist_ok=True)
        state = f'{{"pid": {os.getpid()}, "host": "{os.uname().nodename}", "runs": ["a-run"], "failed": [], "time": 1}}'
        (board / f"{os.uname().nodename}-{os.getpid()}.json").write_text(state)
        die(task)

    assert launched(tmp_path, dies_in_it).starts == 3
    record = store.record()
    assert record is not None
    assert "its worker died twice (SIGKILL), and the run wrote no checkpoint in between" in str(record.error)


def test_a_worker_that_somebody_stopped_is_not_replaced(tmp_path: Path) -> None:
    assert launched(tmp_path, lambda task: os._exit(143)).starts == 1


def test_workers_that_cannot_be_started_leave_the_work_to_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    started: list[int] = []
    start = BaseProcess.start

    def only_one(self: BaseProcess) -> None:
        if started:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        started.append(1)
        start(self)

    def works(task: Scripted) -> None:
        time.sleep(0.3)
        (task.study / "done-1").touch()

    monkeypatch.setattr(BaseProcess, "start", only_one)
    task = launched(tmp_path, works, workers=3)  # two cannot be started, and that is told once
    assert task.left() == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "it cannot be started (Resource temporarily unavailable); allow more processes (`ulimit -u`)" in line


def test_a_study_that_is_deleted_ends_its_sweep(tmp_path: Path) -> None:
    import shutil

    def deletes(task: Scripted) -> None:
        shutil.rmtree(task.study)
        time.sleep(30)

    (tmp_path / "study").mkdir()
    with pytest.raises(MachineError, match="study cannot be found: No such file or directory"):
        launched(tmp_path / "study", deletes)


def test_a_signal_between_fork_and_work_is_not_lost(tmp_path: Path) -> None:
    """The parent's handler, which a child inherits, would swallow it."""

    def waits(_: Scripted) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)

    before = time.monotonic()
    launched(tmp_path, waits)
    assert time.monotonic() - before < 20


AFFINE = "rnnsweep.kernels.affine"


def tell_loaded(task: Scripted) -> None:
    (task.study / "loaded").write_text(str(AFFINE in sys.modules))


@pytest.mark.skipif(START != "fork", reason="spawned workers load everything themselves")
def test_a_forked_worker_finds_the_compiled_functions_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, AFFINE, raising=False)
    launched(tmp_path, tell_loaded)
    assert (tmp_path / "loaded").read_text() == "True"
