"""The code behind a run: what is recorded of it, and what happens when it has changed."""

import contextlib
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import PARITY, Compose
from test_train import numbers

import rnnsweep
from rnnsweep import commits, interrupt, provenance, run, single
from rnnsweep.config import Config
from rnnsweep.errors import TOLD, ConfigError
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.train import Observer

FILES = {
    "mine/__init__.py": "",
    "mine/cell.py": (
        "from mine.base import Base\nfrom . import sizes\n\n\nclass Cell(Base):\n    '''A cell.'''\n\n"
        "    def later(self):\n        from mine.late import number\n        import around\n"
    ),
    "mine/base.py": "from rnnsweep.cells.gru import GRU\n\n\nclass Base(GRU):\n    '''Its base.'''\n",
    "mine/sizes.py": "from mine.deep.numbers import ONE\n",
    "mine/deep/__init__.py": "",
    "mine/deep/numbers.py": "ONE = 1\n",
    "mine/late.py": "number = 1\n",
    "mine/unrelated.py": "number = 1\n",
    "around.py": "import json\n",
}
BEHIND = {"mine/__init__.py", "mine/cell.py", "mine/base.py", "mine/sizes.py", "mine/deep/__init__.py"}
BEHIND |= {"mine/deep/numbers.py", "mine/late.py", "around.py"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's project with a package of cells."""
    folder = tmp_path / "project"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    monkeypatch.syspath_prepend(str(folder))
    TOLD.clear()
    restarted()
    yield folder
    restarted()


def restarted() -> None:
    """Forgets the user's modules, as a new process has none."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("mine", "around")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def edit(file: Path) -> None:
    file.write_text(file.read_text() + "# another line\n")
    restarted()


@pytest.fixture(autouse=True)
def _without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single.curves, "draw", lambda *_: None)
    monkeypatch.setattr(single.figures, "draw", lambda *_: None)


@pytest.fixture
def config(composed: Compose) -> Config:
    made = composed(*PARITY, "cell.hidden_size=4", "train.steps=20", "train.progress=false")
    made["cell"]["_target_"] = "mine.cell.Cell"
    return made | {"packages": ["mine"]}


def train(config: Config, out: Path, **general: Any) -> tuple[RunRecord, RunStore]:
    prepared = run.prepare(config | general)
    store = RunStore(out / prepared.id)
    return single.train(prepared, store), store


def stopped(config: Config, out: Path, monkeypatch: pytest.MonkeyPatch, **general: Any) -> RunStore:
    """The run, stopped at its tenth step."""

    class Stopping(Observer):
        def stepped(self, step: int) -> None:
            stop.signum = 15 if step == 10 else None

    stop = StopRequest()
    with monkeypatch.context() as patch:
        patch.setattr(single, "tracked", lambda *_: Stopping())
        patch.setattr(interrupt, "listening", lambda: contextlib.nullcontext(stop))
        with pytest.raises(Interrupted):
            train(config, out, **general)
    return RunStore(next(path for path in out.iterdir() if path.is_dir()))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


# What is recorded ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_the_code_is_the_files_behind_the_classes(config: Config) -> None:
    found = provenance.code(config)
    assert found["rnnsweep"] == rnnsweep.__version__
    ours = {"rnnsweep/tasks/parity.py", "rnnsweep/pooling.py"}
    assert ours | BEHIND <= set(found["files"])
    others = set(found["files"]) - ours - BEHIND
    assert len(others) == 1  # the optimizer's
    assert all(len(digest) == 64 for digest in found["files"].values())


@pytest.mark.slow
def test_what_an_installed_package_imports_from_others_is_not_followed(config: Config, project: Path) -> None:
    (project / "site-packages").mkdir()
    (project / "mine").rename(project / "site-packages" / "mine")
    (project / "around.py").rename(project / "site-packages" / "around.py")
    sys.path.insert(0, str(project / "site-packages"))
    restarted()
    try:
        assert {name for name in provenance.code(config)["files"] if "rnnsweep" not in name} == BEHIND - {"around.py"}
    finally:
        sys.path.remove(str(project / "site-packages"))


@pytest.mark.usefixtures("project")
def test_the_config_and_the_checkpoint_hold_fingerprint_and_code(config: Config, tmp_path: Path) -> None:
    record, store = train(config, tmp_path / "out")
    written = json.loads((store.path / "config.json").read_text())
    prepared = run.prepare(config)
    assert written["fingerprint"] == prepared.fingerprint
    assert len(prepared.fingerprint) == 64
    assert store.path.name.endswith(f"-{prepared.fingerprint[:8]}")
    assert set(written["code"]["files"]) >= BEHIND
    assert set(written["code"]["commits"]) == {"rnnsweep", "working directory", "mine"}
    assert torch.load(store.path / "last.pt", weights_only=True)["code"]["files"] == written["code"]["files"]
    assert store.config() == record.config == prepared.config
    assert record.environment["code"] == written["code"]
    run.saved(store.path)  # reads the settings alone


def test_the_id_is_that_of_the_settings_whatever_the_code(config: Config, project: Path) -> None:
    before = run.prepare(config)
    edit(project / "mine" / "cell.py")
    assert run.prepare(config).fingerprint == before.fingerprint
    assert run.prepare(config | {"resume_changed": True}).fingerprint == before.fingerprint


def test_the_commits_are_those_of_the_start(
    config: Config, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-C", str(project), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    monkeypatch.chdir(project)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    first = git("rev-parse", "HEAD")
    commits._commit.cache_clear()

    class Committing(Observer):
        def started(self, step: int, steps: int) -> None:
            git("commit", "-q", "--allow-empty", "-m", "second")

    prepared = run.prepare(config)
    store = RunStore(tmp_path / "out" / prepared.id)
    assert store.claim()
    try:
        (record,) = run.execute([(prepared, store)], Committing(), StopRequest())
    finally:
        store.release()
        commits._commit.cache_clear()
    assert git("rev-parse", "HEAD") != first
    start = {"commit": first, "dirty": False}
    found = record.environment["code"]["commits"]
    assert found["mine"] == found["working directory"] == start
    ours = found["rnnsweep"]["commit"] or first
    assert record.environment["git_commit"] == ours
    edit(project / "mine" / "cell.py")
    assert commits.of(("mine",))["mine"]["dirty"] is True
    git("checkout", "-q", ".")
    for name, dirty in (("notes.txt", False), ("outputs/run/metrics.jsonl", False), ("mine/second.py", True)):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
        commits._commit.cache_clear()
        assert commits.of(("mine",))["mine"]["dirty"] is dirty, name
    (project / ".gitignore").write_text("mine\n")
    git("rm", "-q", "-r", "--cached", "mine")
    commits._commit.cache_clear()
    assert commits.of(("mine",))["mine"] == {"commit": None, "dirty": None}
    commits._commit.cache_clear()


# What happens when it has changed ---------------------------------------------------------------------------------


def test_a_finished_run_names_what_changed(
    config: Config, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, store = train(config, tmp_path / "out")
    edit(project / "mine" / "unrelated.py")
    assert train(config, tmp_path / "out")[0] == first
    assert "changed" not in said(capsys)
    for file, files in (("mine/deep/numbers.py",) * 2, ("mine/cell.py", "mine/cell.py, mine/deep/numbers.py")):
        edit(project / file)
        assert train(config, tmp_path / "out")[0] == first
        told = said(capsys)
        assert "is finished" in told
        assert f"warning: {files} changed since {store.path} was trained; `rerun=true` trains it anew" in told
    train(config, tmp_path / "out", rerun=True)
    train(config, tmp_path / "out")
    assert "changed" not in said(capsys)


def test_an_interrupted_run_refuses_other_code_unless_told(
    config: Config, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = train(config, tmp_path / "whole")
    store = stopped(config, tmp_path / "out", monkeypatch)
    before = {path.name: path.read_bytes() for path in store.path.iterdir()}
    edit(project / "mine" / "base.py")
    with pytest.raises(ConfigError, match=r"was interrupted, and code changed .*: mine/base.py; `resume_changed=true`"):
        train(config, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in store.path.iterdir()} == before
    record, _ = train(config, tmp_path / "out", resume_changed=True)
    assert numbers(record) == numbers(whole)
    (mixed,) = record.environment["code"]["before"]
    assert mixed["files"]["mine/base.py"] != record.environment["code"]["files"]["mine/base.py"]


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_nothing_changed_or_nothing_is_known(
    config: Config, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stopped(config, tmp_path / "same", monkeypatch)
    edit(project / "mine" / "unrelated.py")
    record, _ = train(config, tmp_path / "same")
    assert record.status == "complete"
    assert "before" not in record.environment["code"]
    store = stopped(config, tmp_path / "old", monkeypatch)
    last = torch.load(store.path / "last.pt", weights_only=True)
    del last["code"]
    torch.save(last, store.path / "last.pt")
    written = json.loads((store.path / "config.json").read_text())
    (store.path / "config.json").write_text(json.dumps({k: v for k, v in written.items() if k != "code"}))
    edit(project / "mine" / "cell.py")
    assert train(config, tmp_path / "old")[0].status == "complete"


@pytest.mark.slow
def test_a_run_that_failed_with_other_code_starts_over(
    config: Config, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, _ = train(config, tmp_path / "whole")
    store = stopped(config, tmp_path / "out", monkeypatch)
    run.fail(store.path.name, store, config, "a fault of the cell")
    edit(project / "mine" / "cell.py")
    record, _ = train(config, tmp_path / "out")
    assert numbers(record) == numbers(whole)
    assert "before" not in record.environment["code"]
    assert "starts over: it failed, and mine/cell.py changed since" in said(capsys)


@pytest.mark.slow
def test_another_version_of_rnnsweep_is_other_code(
    config: Config, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.exists()
    stopped(config, tmp_path / "out", monkeypatch)
    monkeypatch.setattr(rnnsweep, "__version__", "99.0")
    with pytest.raises(ConfigError, match=r"rnnsweep \(version .*, now 99.0\)"):
        train(config, tmp_path / "out")


# rerun=true ------------------------------------------------------------------------------------------------------


def test_an_interrupted_rerun_goes_on_by_the_same_command(
    config: Config, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.exists()
    whole, store = train(config, tmp_path / "out")
    stopped(config, tmp_path / "out", monkeypatch, rerun=True)
    assert "the same command continues from it" in said(capsys)
    assert store.record() is None
    began = (store.path / "last.pt").stat().st_mtime_ns
    steps = [row["step"] for row in store.rows()]
    assert steps[-1] == 10
    record, _ = train(config, tmp_path / "out", rerun=True)
    told = said(capsys)
    assert "continues the interrupted rerun" in told
    assert numbers(record) == numbers(whole)
    assert (store.path / "last.pt").stat().st_mtime_ns > began
    stopped(config, tmp_path / "out", monkeypatch, rerun=True)  # a finished one is trained anew again
    said(capsys)
    edit(project / "mine" / "cell.py")
    train(config, tmp_path / "out", rerun=True)  # with other code it starts over
    assert "goes on" not in said(capsys)


@pytest.mark.slow
def test_rerun_of_a_first_try_that_was_interrupted_starts_over(
    config: Config, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.exists()
    stopped(config, tmp_path / "out", monkeypatch)
    train(config, tmp_path / "out", rerun=True)
    assert "goes on" not in said(capsys)
