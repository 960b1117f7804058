"""Workers that another launcher started: what is said when it fails."""

from pathlib import Path

import pytest
from conftest import Compose
from hydra.core.utils import JobReturn, JobStatus
from test_sweep import planned

from rnnsweep.errors import ConfigError, MachineError
from rnnsweep.sweep import watch
from rnnsweep.sweep.task import WorkTask
from rnnsweep.sweep.work_options import WorkOptions


@pytest.fixture
def task(composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkTask:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.01)
    return WorkTask(planned(composed, tmp_path, ("seed=0",), ("seed=1",)).save().resolve(), WorkOptions())


def test_a_launcher_that_fails_is_told_in_a_line(task: WorkTask, capfd: pytest.CaptureFixture[str]) -> None:
    def fails() -> list[JobReturn]:
        raise RuntimeError("A worker process was terminated.\n\nThe exit codes of the workers are {SIGKILL(-9)}")

    watch.watch(fails, task)
    (line,) = capfd.readouterr().err.splitlines()
    wanted = (
        "the launcher ended with 2 runs left to do: RuntimeError: A worker process was terminated; its traceback is in"
    )
    assert line.startswith(f"rnnsweep: {wanted} {task.study}/.study/errors.log")
    assert "SIGKILL(-9)" in (task.study / ".study" / "errors.log").read_text()


def test_what_a_worker_of_it_raised_is_told(task: WorkTask, capfd: pytest.CaptureFixture[str]) -> None:
    for error in (ConfigError("task.text", "there is no such file"), ZeroDivisionError("no such run")):
        watch.watch(lambda error=error: [JobReturn(status=JobStatus.FAILED, _return_value=error)], task)  # type: ignore[misc]
    first, second = capfd.readouterr().err.splitlines()
    assert "2 runs left to do: task.text: there is no such file; " in first
    assert "2 runs left to do: ZeroDivisionError: no such run; " in second
    error = MachineError(task.study / "last.pt", OSError(28, "No space left on device"))
    with pytest.raises(MachineError):
        watch.watch(lambda: [JobReturn(status=JobStatus.FAILED, _return_value=error)], task)


def test_a_study_that_is_deleted_is_no_longer_watched(task: WorkTask) -> None:
    import shutil
    import threading

    gone = threading.Event()

    def waits() -> list[JobReturn]:
        shutil.rmtree(task.study)
        gone.wait(30)
        return []

    with pytest.raises(MachineError, match="cannot be found"):
        watch.watch(waits, task)
    gone.set()
