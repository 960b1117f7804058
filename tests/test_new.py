"""What `python -m rnnsweep.new` writes works at once, and obeys the laws of what ships."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from rnnsweep import new
from rnnsweep.new import KINDS, TEMPLATES


def run(*arguments: str, cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=os.environ | env, capture_output=True, text=True)


QUICK = "train.steps=3 train.threads=1 cell.hidden_size=4 hydra.sweeper.n_trials=2"


def used(kind: str, command: str, package: str, folder: Path) -> None:
    """Runs the command that was printed."""
    if kind == "view":
        command = command.replace("rnnsweep-report", "python -m rnnsweep.report")
        before = f"python -m rnnsweep task=parity {QUICK} out=multirun/default && "
    else:
        command, before = f"{command} {QUICK}", ""
    whole = f"{before}{command}".replace("python", sys.executable)
    done = subprocess.run(whole, shell=True, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if kind == "view":
        assert list(folder.glob("report/figures/my-own-*.svg"))
        return
    record, *_ = [json.loads(path.read_text()) for path in folder.rglob("record.json")]
    assert record["config"]["packages"] == [package]
    assert kind != "metric" or record["best"]["test/my_own"] > 0
    assert KINDS[kind].test == "test_search" or record["config"]["choices"][KINDS[kind].group] == "my_own"


@pytest.mark.slow
@pytest.mark.parametrize(("index", "kind"), [*enumerate(KINDS)])
def test_what_it_writes_works_and_its_test_passes(index: int, kind: str, tmp_path: Path) -> None:
    """A lone file below a directory, and a module of the user's package."""
    if index % 2:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "__init__.py").touch()
    made = run("-m", "rnnsweep.new", kind, "my_own", "--into", "mine", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    *files, _, command = made.stdout.splitlines()
    before = [(tmp_path / file).read_text() for file in files]
    assert not any(re.search("templates|GROUP|OTHER|PACKAGE|FILE|[Nn]ew_?(run|search|[A-Z])", text) for text in before)
    used(kind, command, "mine" if index % 2 else "my_own", tmp_path)
    tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *files[-1:], cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout
    again = run("-m", "rnnsweep.new", kind, "my_own", "--into", "mine", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert [(tmp_path / file).read_text() for file in files] == before


def test_every_kind_has_its_templates_and_every_template_its_kind() -> None:
    wanted = {f"{kind}.{ending}" for kind in KINDS for ending in ("py", "yaml") if ending == "py" or KINDS[kind].group}
    wanted |= {f"{kind.test}.py" for kind in KINDS.values()} | {"__init__.py"}
    assert {path.name for path in TEMPLATES.glob("*.*")} == wanted


@pytest.mark.parametrize("name", ["my-cell", "class", "json", "numpy", "2nd"])
def test_a_name_that_cannot_be_imported_is_refused(name: str, tmp_path: Path) -> None:
    made = run("-m", "rnnsweep.new", "cell", name, cwd=tmp_path)
    assert made.returncode == 2
    assert f"`{name}` cannot be the name of a new module" in made.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "name"), [("cell", "gru"), ("optimizer", "adamw"), ("task", "parity")])
def test_the_name_of_one_that_ships_is_refused(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its YAML would hide the new one: the printed command trained the shipped class."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rnnsweep.new", kind, name])
    with pytest.raises(SystemExit):
        new.main()
    assert f"a {kind} `{name}` ships, and its YAML would be read in place of yours" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_all_obey_the_laws_lint_and_types(tmp_path: Path) -> None:
    """In a copy of this repository, where the tests find every YAML by themselves."""
    for name in ("rnnsweep", "conf", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    where = {"PYTHONPATH": str(tmp_path)}
    for kind in ("cell", "task", "optimizer"):
        made = run("-m", "rnnsweep.new", kind, f"own_{kind}", "--into", "rnnsweep", cwd=tmp_path, **where)
        assert made.returncode == 0, made.stderr
        other = {"task": "cell=gru"}.get(kind, "task=parity")
        assert made.stdout.splitlines()[-1] == f"python -m rnnsweep {kind}=own_{kind} {other}"
    laws = ["tests/test_cells.py", "tests/test_tasks.py", "tests/test_config.py", "tests/test_architecture.py"]
    tested = run("-m", "pytest", "-q", "-n", "0", "-k", "own_cell or own_task", *laws, cwd=tmp_path, **where)
    assert tested.returncode == 0, tested.stdout
    assert "no tests ran" not in tested.stdout
    written = [str(path) for kind in ("cell", "task", "optimizer") for path in tmp_path.rglob(f"own_{kind}.py")]
    assert len(written) == 3
    for tool in (["ruff", "check", *written], ["ruff", "format", "--check", *written], ["mypy", *written]):
        checked = run("-m", *tool, cwd=tmp_path, **where)
        assert checked.returncode == 0, checked.stdout + checked.stderr
