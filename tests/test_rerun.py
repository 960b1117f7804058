"""Sweeps that are trained anew, or whose code has changed: what goes on, what starts over, what is refused."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnnsweep
from rnnsweep import cli, run
from rnnsweep.errors import TOLD, ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.planned import plans
from rnnsweep.record import RunStore
from rnnsweep.report.collect import collect
from rnnsweep.run import identity
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.search import Search
from rnnsweep.sweep.search_worker import SearchWorker
from rnnsweep.sweep.view import Progress
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import Worker
from rnnsweep.sweep.workers import Workers

GRID = (
    *("-m", "task=parity", "task.examples=100", "task.held_out=40", "train.batch_size=20", "train.steps=20"),
    *("train.eval_every=10", "cell=rnn", "cell.hidden_size=4", "seed=0,1", "hydra.sweeper.stack=1"),
)
STUDY = Path("multirun/default")

Sweep = Callable[..., str]


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sweep:
    """A sweep's command with one worker, in this process; what it printed. It may be stopped after some steps."""
    monkeypatch.chdir(tmp_path)
    TOLD.clear()
    steps, limit = 0, 0

    def launch(_: Workers, task: Any, count: int, study: Path) -> None:
        assert count >= 1
        assert study == STUDY
        stop = StopRequest()
        worker = (
            SearchWorker(Search.load(task.plan), task.options, stop)
            if task.is_search
            else Worker(Plan.load(task.plan), task.options, stop)
        )

        def stepped(_: int) -> None:
            nonlocal steps
            steps += 1
            stop.signum = 15 if steps == limit else None

        worker.status.stepped = stepped  # type: ignore[method-assign]
        worker.work()

    monkeypatch.setattr(Workers, "launch", launch)

    def command(*words: str, stop_after: int = 0) -> str:
        nonlocal steps, limit
        steps, limit = 0, stop_after
        monkeypatch.setattr(sys, "argv", ["rnnsweep", *GRID, *words])
        try:
            cli.main()
        except SystemExit as end:
            assert (end.code == 143) == bool(stop_after), capsys.readouterr()  # noqa: PT017
            if end.code == 2:
                raise ConfigError("refused", capsys.readouterr().err) from None
        captured = capsys.readouterr()
        return captured.out + captured.err

    return command


def stores() -> list[RunStore]:
    """The runs' directories, by their seeds."""
    return [RunStore(path) for path in sorted(STUDY.glob("parity-*"))]


def times() -> list[int]:
    """When the records were written that there are."""
    paths = [store.path / "record.json" for store in stores()]
    return [path.stat().st_mtime_ns for path in paths if path.exists()]


def progress() -> str:
    (file,) = plans(STUDY)
    found = Progress(Plan.load(file))
    found.look()
    return found.summary()


# rerun=true ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", ["rerun=true", pytest.param("rerun=false", marks=pytest.mark.slow)])
def test_an_interrupted_rerun_goes_on_by_the_same_command(again: str, sweep: Sweep) -> None:
    sweep()
    first = times()
    sweep("rerun=true", stop_after=30)
    begun = times()
    assert begun[0] > first[0]
    assert len(begun) == 1  # the second one has a checkpoint only
    assert progress().startswith("1/2 runs")
    assert stores()[1].rows()[-1]["step"] == 10
    told = sweep(again)
    assert "continues the interrupted rerun" in told
    assert "2 complete" in told
    done = times()
    assert done[0] == begun[0]
    assert "goes on" not in sweep()
    assert times() == done
    sweep("rerun=true")  # a finished one is trained anew again
    assert all(after > before for after, before in zip(times(), done, strict=True))


@pytest.mark.slow
def test_what_waits_to_be_trained_anew_does_not_count(sweep: Sweep) -> None:
    sweep()
    old = times()
    sweep("rerun=true", stop_after=10)
    assert times() == old[1:]  # the second one still has its record of before
    assert progress().startswith("0/2 runs")
    assert list(collect([STUDY])["state"]) == ["interrupted", "missing"]
    sweep("rerun=true")
    assert progress().startswith("2/2 runs")
    assert list(collect([STUDY])["state"]) == ["complete", "complete"]


@pytest.mark.slow
def test_a_larger_grid_goes_on_with_a_rerun(sweep: Sweep) -> None:
    sweep()
    old = times()
    sweep("rerun=true", stop_after=10)
    assert "continues the interrupted rerun" in sweep("seed=0,1,2")
    assert [store.generation() for store in stores()] == [1, 1, 0]
    done = times()
    assert done[1] > old[1]
    sweep("seed=0,1,2", "rerun=true")
    assert all(after > before for after, before in zip(times(), done, strict=True))


@pytest.mark.slow
def test_a_second_command_joins_a_rerun(sweep: Sweep) -> None:
    sweep()
    (file,) = plans(STUDY)
    before = Plan.load(file)
    first = before.resumed(rerun=True)
    assert {each.generation for each in first.runs} == {1}
    assert first.save() == file
    assert before.resumed(rerun=True) == first
    assert before.resumed(rerun=False) == first
    assert Plan.load(file) == first


@pytest.mark.slow
def test_a_rerun_of_other_code_begins_again(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep()
    sweep("rerun=true", stop_after=30)
    begun = times()
    monkeypatch.setattr(rnnsweep, "__version__", "99.0")
    assert "goes on" not in sweep("rerun=true")
    assert times()[0] > begun[0]


# Other code ------------------------------------------------------------------------------------------------------

CHANGED = r"rnnsweep (version 0.1.0, now 99.0)"


@pytest.fixture
def other_code(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    monkeypatch.setattr(rnnsweep, "__version__", "0.1.0")
    return lambda: monkeypatch.setattr(rnnsweep, "__version__", "99.0")


@pytest.mark.slow
def test_finished_runs_of_other_code_are_told_in_one_line(sweep: Sweep, other_code: Callable[[], None]) -> None:
    assert "changed since" not in sweep()
    other_code()
    told = sweep()
    assert f"warning: {CHANGED} changed since 2 finished runs were trained; `rerun=true`" in told
    sweep("rerun=true")
    assert "changed since" not in sweep()


def test_an_interrupted_sweep_refuses_other_code_unless_told(sweep: Sweep, other_code: Callable[[], None]) -> None:
    sweep(stop_after=30)
    files = {path: path.read_bytes() for path in STUDY.rglob("*") if path.is_file()}
    other_code()
    with pytest.raises(ConfigError) as refused:
        sweep()
    (line,) = str(refused.value).splitlines()
    name = stores()[1].path.name
    assert f"`resume_changed`: {name} was interrupted, and code changed since the last checkpoint: {CHANGED}" in line
    assert {path: path.read_bytes() for path in STUDY.rglob("*") if path.is_file()} == files
    told = sweep("resume_changed=true")
    assert "2 complete" in told
    assert f"{CHANGED} changed since 1 finished run was trained" in told
    record = stores()[1].record()
    assert record is not None
    assert len(record.environment["code"]["before"]) == 1
    assert record.config["resume_changed"] is False
    assert len(plans(STUDY)) == 1


@pytest.mark.slow
def test_runs_that_failed_with_other_code_start_over(sweep: Sweep, other_code: Callable[[], None]) -> None:
    sweep(stop_after=30)
    store = stores()[1]
    run.fail(store.path.name, store, store.config() or {}, "a fault of the cell")
    other_code()
    told = sweep()
    assert f"1 failed run starts over, because code has changed: {CHANGED}" in told
    assert "2 complete" in told
    record = store.record()
    assert record is not None
    assert "before" not in record.environment["code"]


@pytest.mark.slow
def test_a_worker_with_other_code_fails_the_run_and_keeps_its_checkpoint(
    sweep: Sweep, other_code: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(stop_after=30)
    store = stores()[1]
    last = (store.path / "last.pt").read_bytes()
    other_code()  # as on a machine of a cluster that has another version
    (file,) = plans(STUDY)
    Worker(Plan.load(file), WorkOptions(1, 1), StopRequest()).work()
    record = store.record()
    assert record is not None
    assert record.status == "failed"
    assert CHANGED in (record.error or "")
    assert (store.path / "last.pt").read_bytes() == last
    monkeypatch.setattr(rnnsweep, "__version__", "0.1.0")
    assert "2 complete" in sweep()
    assert [row["step"] for row in store.rows() if row["split"] == "val"] == [10, 20]


@pytest.mark.slow
def test_a_search_tells_and_refuses_other_code(sweep: Sweep, other_code: Callable[[], None]) -> None:
    words = ("hydra.sweeper.search=random", "hydra.sweeper.n_trials=2", "optimizer.lr=interval(0.001,0.01)")
    sweep(*words, stop_after=30)
    other_code()
    with pytest.raises(ConfigError) as refused:
        sweep(*words)
    assert "2 runs were interrupted" in str(refused.value)
    assert "another hydra.sweeper.name" in str(refused.value)
    told = sweep(*words, "resume_changed=true")
    assert f"{CHANGED} changed since 2 finished runs were trained" in told
    assert told.count("2/2 trials") == 1


# Names -----------------------------------------------------------------------------------------------------------


def test_two_runs_of_a_plan_that_share_eight_digits_both_are_trained(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = identity.fingerprint
    monkeypatch.setattr(identity, "fingerprint", lambda *identity: "0" * 8 + fingerprint(*identity)[8:])
    grid = ("seed=0", "optimizer.lr=0.001,0.002")
    assert "2 complete" in sweep(*grid)
    names = [store.path.name for store in stores()]
    assert [len(name.rpartition("-")[2]) for name in names] == [8, 12]
    assert len({json.loads((store.path / "config.json").read_text())["fingerprint"] for store in stores()}) == 2
    done = times()
    assert "2/2 runs" in sweep(*grid)
    assert times() == done


def test_a_worker_does_not_touch_the_directory_of_another_run(sweep: Sweep) -> None:
    sweep(stop_after=10)
    (file,) = plans(STUDY)
    store = stores()[0]
    content = json.loads((store.path / "config.json").read_text())
    (store.path / "config.json").write_text(json.dumps(content | {"fingerprint": "f" * 64}))
    files = {path: path.read_bytes() for path in store.path.iterdir()}
    with pytest.raises(ConfigError, match="another run has taken this name"):
        Worker(Plan.load(file), WorkOptions(1, 1), StopRequest()).work()
    assert {path: path.read_bytes() for path in store.path.iterdir()} == files
    assert not store.held()
    assert "2 complete" in sweep()  # under a longer name


@pytest.mark.slow
def test_plans_of_before_are_read(sweep: Sweep) -> None:
    sweep()
    (file,) = plans(STUDY)
    content = json.loads(file.read_text())
    for each in content:
        del each["fingerprint"], each["generation"]
    file.write_text(json.dumps(content))
    assert progress().startswith("2/2 runs")
    done = times()
    sweep()
    assert times() == done
    assert plans(STUDY) == [file]
