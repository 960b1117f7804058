"""What `python -m rnnsweep.new` writes works at once, and obeys the laws of what ships."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT


def run(*arguments: str, cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=os.environ | env, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "package"), [("cell", False), ("task", True), ("optimizer", False), ("pooling", True)]
)
def test_the_command_that_it_prints_trains_what_it_wrote(kind: str, package: bool, tmp_path: Path) -> None:
    """A lone file below a directory, and a module of the user's package."""
    if package:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "__init__.py").touch()
    made = run("-m", "rnnsweep.new", kind, "my_own", "--into", "mine", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    first, second, _, command = made.stdout.splitlines()
    assert (tmp_path / first).exists()
    assert (tmp_path / second).exists()
    short = f"{command} train.steps=3 train.threads=1 cell.hidden_size=4"
    trained = subprocess.run(
        short.replace("python", sys.executable, 1), shell=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert trained.returncode == 0, trained.stderr
    (record,) = tmp_path.glob("outputs/*/record.json")
    assert json.loads(record.read_text())["config"]["choices"][kind] == "my_own"
    before = (tmp_path / first).read_text()
    again = run("-m", "rnnsweep.new", kind, "my_own", "--into", "mine", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert (tmp_path / first).read_text() == before


@pytest.mark.parametrize("name", ["my-cell", "class", "json", "numpy", "2nd"])
def test_a_name_that_cannot_be_imported_is_refused(name: str, tmp_path: Path) -> None:
    made = run("-m", "rnnsweep.new", "cell", name, cwd=tmp_path)
    assert made.returncode == 2
    assert f"`{name}` cannot be a module's name" in made.stderr
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
    written = [str(path) for path in tmp_path.rglob("own_*.py")]
    assert len(written) == 3
    for tool in (["ruff", "check", *written], ["ruff", "format", "--check", *written], ["mypy", *written]):
        checked = run("-m", *tool, cwd=tmp_path, **where)
        assert checked.returncode == 0, checked.stdout + checked.stderr
