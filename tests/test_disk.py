"""A full disk, a deleted directory, damaged files of a study: in this process, with workers on a plan."""

import errno
import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import records
import torch
from conftest import Compose, once
from test_kernels import Clocked, chosen, times

from rnnsweep import checkpoint, files, planned, run, single, status, study_folder
from rnnsweep.errors import TOLD, ConfigError, MachineError
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.report.collect import collect
from rnnsweep.report.published_file import published_results
from rnnsweep.sweep import probe, published
from rnnsweep.sweep.plan import Plan, Planned, plans
from rnnsweep.sweep.search import searches
from rnnsweep.sweep.view import Progress
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import Worker
from rnnsweep.train import Trainer

SHORT = (
    *("task=parity", "task.examples=200", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=8"),
    *("train.steps=20", "train.eval_every=10", "train.log_every=5", "train.threads=1", "cell=rnn", "train.kernel=scan"),
)
DAMAGES = {
    "empty": b"",
    "cut short": b'[{"id": "a", "sig',
    "wrong type": b"7",
    "not UTF-8": b"\xff\xfe",
    "null": b"null",
}


@pytest.fixture
def plan(composed: Compose, tmp_path: Path) -> Plan:
    runs = [run.identify(composed(*SHORT, f"seed={seed}")) for seed in range(2)]
    return Plan(tmp_path / "study", [Planned(r.id, r.signature, r.config, [*SHORT, f"seed={r.seed}"]) for r in runs])


def work(plan: Plan, stack: int = 2) -> dict[str, Any]:
    Worker(plan, WorkOptions(stack, 1), StopRequest()).work()
    return {name: (record.status, record.best, record.steps) for name, record in plan.records().items()}


@contextmanager
def full(name: str, code: int = errno.ENOSPC) -> Iterator[None]:
    """Inside, a file of that name takes half of what is written to it; then the disk is full."""
    put = files._put

    def refused(file: Any, data: Any) -> None:
        if name not in Path(file.name).name:
            return put(file, data)
        put(file, memoryview(data)[: len(data) // 2])
        raise OSError(code, os.strerror(code))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_put", refused)
        yield


@pytest.fixture(scope="module")
def undisturbed(composed: Compose, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    runs = [run.identify(composed(*SHORT, f"seed={seed}")) for seed in range(2)]
    return work(Plan(tmp_path_factory.mktemp("whole"), [Planned(r.id, r.signature, r.config, []) for r in runs]))


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "best.pt", "last.pt", "record.json"])
def test_a_full_disk_fails_no_run_and_the_same_command_continues(
    name: str, plan: Plan, undisturbed: dict[str, Any]
) -> None:
    with (
        full(name),
        pytest.raises(MachineError, match=rf"{name} cannot be written: No space left on device; make room"),
    ):
        work(plan)
    assert not plan.records()
    assert not list(plan.study.rglob("*.partial"))
    assert not any(plan.store(each).held() for each in plan.runs)
    assert not (plan.study / ".study" / "stop").exists()
    assert work(plan) == undisturbed


def test_a_failure_that_cannot_be_recorded_is_told(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rnnsweep.run.execution.make_member", lambda *_: 1 / 0)
    with full("record.json"), pytest.raises(MachineError, match=r"record\.json cannot be written"):
        work(plan, 1)
    told = capsys.readouterr().err
    assert (
        told
        == f"rnnsweep: {plan.runs[0].id} failed, and that cannot be recorded: ZeroDivisionError: division by zero\n"
    )


def test_a_single_run_on_a_full_disk_is_left_as_an_interrupted_one(composed: Compose, tmp_path: Path) -> None:
    prepared = run.prepare(composed(*SHORT, "train.progress=false"))
    store = RunStore(tmp_path / prepared.id)
    with full("last.pt"), pytest.raises(MachineError) as caught:
        single.train(prepared, store)
    assert caught.value.exit_code == os.EX_IOERR
    assert store.record() is None
    assert single.train(prepared, store).status == "complete"


def test_a_directory_that_is_deleted_under_a_run_is_named(plan: Plan, undisturbed: dict[str, Any]) -> None:
    stepped = Trainer.advance

    def deleting(trainer: Trainer) -> None:
        stepped(trainer)
        if trainer.step == 7:
            shutil.rmtree(trainer.members[0].store.path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "advance", deleting)
        with pytest.raises(MachineError, match=r"No such file or directory; bring its directory back"):
            work(plan)
    assert work(plan) == undisturbed


def test_rows_and_names_are_on_the_disk_before_what_counts_on_them(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of power leaves no checkpoint that counts on rows which are lost. What is cheap to make is not synced."""
    synced: list[str] = []
    names = ("metrics.jsonl", "best.pt", "last.pt", "record.json")
    for call in ("fsync", "fdatasync"):
        real = getattr(os, call)

        def noted(file: int, real: Callable[[int], None] = real) -> None:
            path = Path(os.readlink(f"/proc/self/fd/{file}"))
            name = next((name for name in names if name in path.name), path.name)
            synced.append("directory" if path.is_dir() else name)
            real(file)

        monkeypatch.setattr(os, call, noted)
    Worker(Plan(plan.study, plan.runs[:1]), WorkOptions(1, 1), StopRequest()).work()
    assert set(synced) == {*names, "directory"}
    assert "metrics.jsonl" in synced[: synced.index("last.pt")]
    assert all(synced[at + 1] == "directory" for at, name in enumerate(synced) if name in ("last.pt", "record.json"))


# Files of .study ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_plan_of_another_command_stops_neither_status_nor_report(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = records.config()
    records.run(tmp_path, 1.0)
    records.plan(tmp_path, made)
    other = tmp_path / ".study" / "plan-1.json"
    other.write_bytes(DAMAGES[damage])
    monkeypatch.setattr("sys.argv", ["status", str(tmp_path)])
    status.main()
    said = capsys.readouterr()
    assert "1/1 runs  1 complete" in said.out
    assert said.err.count(str(other)) == 1
    TOLD.clear()
    assert list(collect([tmp_path])["state"]) == ["complete"]
    assert capsys.readouterr().err.count(str(other)) == 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_plan_is_written_anew_by_its_command(damage: str, plan: Plan) -> None:
    path = plan.save()
    path.write_bytes(DAMAGES[damage])
    with pytest.raises(ConfigError, match="run the sweep's command again"):
        Plan.load(path)
    assert plan.save() == path
    assert Plan.load(path) == plan
    assert plans(plan.study) == [plan]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_worker_state_is_no_worker(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = study_folder.worker_file(tmp_path, "host", 7)
    path.parent.mkdir(parents=True)
    path.write_bytes(DAMAGES[damage])
    assert planned.workers(tmp_path) == planned.workers(tmp_path) == []
    assert capsys.readouterr().err.count(str(path)) == 1
    records.run(tmp_path, 1.0)
    assert list(collect([tmp_path])["state"]) == ["complete"]


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the stacks that a probe has measured, beginning with an empty cache."""
    sizes: list[int] = []

    def seconds(_: Any, size: int, *__: Any) -> float:
        sizes.append(size)
        return 1.0

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(probe, "seconds_per_step", seconds)
    return sizes


def test_a_stack_is_measured_once_for_all_studies(plan: Plan, measured: list[int], tmp_path: Path) -> None:
    like = run.identify(plan.runs[0].config)
    found = [probe.stack_size(like, available, tmp_path / str(available)) for available in (4, 3, 4, 9, 2, 9)]
    assert found == [4, 3, 4, 9, 2, 9]
    assert measured == [1, 4, 1, 4, 9]  # more runs ask for larger stacks


def test_the_longest_runs_begin_first(composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short shape of many steps, a slow one of few, and one that nobody has measured."""
    shapes = ("cell=rnn train.steps=20", "cell=gru train.steps=500", "cell=lstm train.steps=30")
    runs = [run.identify(composed(*SHORT, *shape.split(), f"seed={seed}")) for seed in (0, 1) for shape in shapes]
    seconds = {"rnn": 2.0, "gru": 1.0}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(probe, "seconds_per_step", lambda like, *_: seconds[like.config["choices"]["cell"]])
    for like in runs[:2]:
        probe.stack_size(like, 1, tmp_path)
    plan = Plan(tmp_path / "study", [Planned(r.id, r.signature, r.config, []) for r in runs])
    left = Worker(plan, WorkOptions(), StopRequest()).left
    begun = [planned.config["choices"]["cell"] + str(planned.config["seed"]) for planned in left]
    assert begun == ["lstm0", "lstm1", "gru0", "gru1", "rnn0", "rnn1"]


def test_a_stack_is_measured_anew_for_other_code(
    plan: Plan, measured: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    like = run.identify(plan.runs[0].config)
    for version in ("1", "2", "1"):
        monkeypatch.setattr("rnnsweep.__version__", version)
        probe.stack_size(like, 4, tmp_path)
    assert measured == [1, 4, 1, 4]


def test_a_probe_that_failed_is_not_kept(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short_of_memory(_: Any, size: int, *__: Any) -> float:
        if size > 1:
            raise MemoryError
        return 1.0

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    like = run.identify(plan.runs[0].config)
    monkeypatch.setattr(probe, "seconds_per_step", short_of_memory)
    assert probe.stack_size(like, 4, tmp_path) == 1
    monkeypatch.setattr(probe, "seconds_per_step", lambda *_: 1.0)
    assert probe.stack_size(like, 4, tmp_path) == 4


@pytest.mark.parametrize("damage", [*DAMAGES, "other types"])
def test_a_damaged_probe_is_measured_anew(
    damage: str, plan: Plan, measured: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    like = run.identify(plan.runs[0].config)
    assert probe.stack_size(like, 4, tmp_path) == 4
    file = tmp_path / "cache" / "rnnsweep" / "stacks.json"
    whole = json.loads(file.read_text())
    broken = json.dumps({key: found | {"best": "4"} for key, found in whole.items()}).encode()
    file.write_bytes(DAMAGES.get(damage, broken))
    assert probe.stack_size(like, 4, tmp_path) == 4
    assert json.loads(file.read_text()) == whole
    assert str(file) in capsys.readouterr().err
    assert measured == [1, 4, 1, 4]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_searches_published_and_drawn_count_as_absent(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records.run(tmp_path, 1.0)
    paths = [tmp_path / ".study" / name for name in ("search-1.json", "published.json", "drawn.json")]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_bytes(DAMAGES[damage])
    assert (
        searches(tmp_path)
        == planned.searched(tmp_path)
        == planned.drawn(tmp_path)
        == published_results([str(tmp_path)])
        == []
    )
    told = capsys.readouterr().err
    assert [told.count(str(path)) for path in paths] == [1, 1, 1]


def test_published_numbers_of_every_study_fit_their_own_shape(tmp_path: Path) -> None:
    content = {
        "source": "A, table 1",
        "metric": "test/loss",
        "values": [{"where": {"cell": "gru"}, "value": 1}],
        "ablations": [{"factor": "cell", "baseline": "lstm", "margin": 0.1}],
        "shares": [{"key": "optimizer.lr", "value": 0.5}],
        "orders": [[{"cell": "gru"}, {"cell": "rnn"}]],
    }
    read = published.read(content)
    published.tell(read, tmp_path)
    assert published_results([str(tmp_path)]) == [read]


# The kernel cache -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b'{"a": 1}', b'{"a": {"kernel": 3, "milliseconds": {}}}', b"[", b"\xff"])
def test_a_damaged_kernel_cache_is_measured_anew(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rnnsweep").mkdir()
    (tmp_path / "rnnsweep" / "kernels.json").write_bytes(content)
    assert chosen(Clocked(times(2.0, 2.0, 1.0)), "a", tmp_path) == "library"
    assert "kernels.json is damaged" in capsys.readouterr().err
    assert chosen(Clocked(times(1.0, 1.0, 2.0)), "a", tmp_path) == "library"  # as was measured before


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EIO])
def test_the_kernel_cache_works_without_locks(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", lacking)
    assert chosen(Clocked(times(2.0, 2.0, 1.0)), "a", tmp_path) == "library"
    assert chosen(Clocked(times(1.0, 1.0, 2.0)), "a", tmp_path) == "library"  # as was measured before


@pytest.mark.parametrize("name", ["kernels.json", ".choice.lock"])
def test_a_cache_on_a_full_disk_costs_a_measurement_and_no_more(name: str, tmp_path: Path) -> None:
    (tmp_path / "rnnsweep" / ".choice.lock").mkdir(parents=True)  # it cannot be opened
    with full(name):
        assert chosen(Clocked(times(2.0, 2.0, 1.0)), "a", tmp_path) == "library"
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_workers_on_a_disk_without_locks_train_all_and_say_so_once(
    code: int,
    plan: Plan,
    undisturbed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def lacking(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", lacking)
    assert work(plan) == undisturbed
    assert capsys.readouterr().err.count("has no locks") == 1
    assert not list(plan.study.rglob("*.marker")), "a marker goes with its claim"


def test_progress_counts_a_damaged_record_as_to_do(plan: Plan, undisturbed: dict[str, Any]) -> None:
    assert work(plan) == undisturbed
    path = plan.store(plan.runs[1]).path / "record.json"
    path.write_text(path.read_text().replace('"complete"', '"finished"'))
    progress = Progress(plan)
    progress.look()
    assert progress.counts == {"complete": 1, "at the rung": 0, "to do": 1}
    assert work(plan) == undisturbed


# Files of a finished run ----------------------------------------------------------------------------------------


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def test_a_damaged_best_pt_of_a_finished_run_is_written_again(
    plan: Plan, undisturbed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    work(plan)
    store = plan.store(plan.runs[0])
    before = checkpoint.best(store)["weights"]
    cut_short(store.path / "best.pt")
    assert store.record() is not None
    assert store.outcome() is None
    assert f"{store.path}/best.pt is damaged: 100 bytes" in capsys.readouterr().err
    assert work(plan) == undisturbed
    after = checkpoint.best(store)["weights"]
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_other_damage_to_a_finished_run_is_told_and_its_record_stays(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    work(plan)
    store = plan.store(plan.runs[0])
    record, config, content = store.record(), store.config(), (store.path / "record.json").read_bytes()
    cut_short(store.path / "metrics.jsonl")
    cut_short(store.path / "config.json")
    assert store.outcome() == record
    assert store.config() == config
    told = capsys.readouterr().err
    assert f"{store.path}/metrics.jsonl is damaged: 100 bytes" in told
    assert f"{store.path}/config.json is damaged" in told
    (store.path / "best.pt").unlink()  # somebody wants room
    work(plan)
    assert (store.path / "record.json").read_bytes() == content


def test_a_file_is_named_alike_wherever_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert files.shown(Path("a/b")) == files.shown(tmp_path / "a" / "b") == "a/b"
    assert files.shown(tmp_path.parent / "c") == str(tmp_path.parent / "c")


# The command ----------------------------------------------------------------------------------------------------

WORDS = ("cell.hidden_size=16", "train.warmup=0", "hydra.sweeper.workers=2")
COMMAND = [sys.executable, "-m", "rnnsweep", "-m", *once([*SHORT, *WORDS])]
GRID = ["seed=range(4)"]
SEARCH = ["optimizer.lr=interval(1e-3,1e-1)", "hydra.sweeper.search=random", "hydra.sweeper.n_trials=12"]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(("what", "size"), [(GRID, 9_000), (SEARCH, 8_000)], ids=["grid", "search"])
def test_a_sweep_that_may_not_write_ends_with_one_line_and_continues(
    what: list[str], size: int, tmp_path: Path
) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    (tmp_path / "warm").mkdir()  # a kernel that was never compiled here is a file, too, and Numba does not name it
    warm = subprocess.run([*COMMAND, "seed=0"], cwd=tmp_path / "warm", capture_output=True, text=True)
    assert warm.returncode == 0, warm.stderr
    shutil.rmtree(tmp_path / "warm")
    # Python would keep a .pyc file that is cut short, and fail at the next import
    kept = {"env": os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, "preexec_fn": limited}
    cut = subprocess.run([*COMMAND, *what], cwd=tmp_path, capture_output=True, text=True, **kept)  # type: ignore[call-overload]
    assert cut.returncode == os.EX_IOERR
    assert cut.stderr.startswith("rnnsweep: ")
    assert "cannot be written: File too large; allow larger files (`ulimit -f unlimited`)" in cut.stderr
    assert cut.stderr.count("\n") == 1
    assert not list(tmp_path.rglob("*.partial"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("record.json")}
    whole = subprocess.run([*COMMAND, *what], cwd=tmp_path, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    statuses = [json.loads(path.read_text())["status"] for path in tmp_path.rglob("record.json")]
    assert statuses == ["complete"] * (4 if what is GRID else 12)
    assert all(path.read_bytes() == content for path, content in before.items())
