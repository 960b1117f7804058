"""Every launcher that is installed, ours and Hydra's, runs a small sweep to its end, with the same numbers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import CONF
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

SWEEP = (
    "-m", "task=parity", "cell=rnn", "cell.hidden_size=4", "seed=0,1",
    "train.steps=4", "train.eval_every=2", "train.log_every=2",
)  # fmt: skip
CLUSTERS = ("slurm", "aws", "ray")  # need more than this machine, or half a minute to start: see test_clusters.py


def launchers() -> list[str]:
    """The choices of hydra/launcher that this installation offers."""
    with initialize_config_dir(str(CONF)):
        names = GlobalHydra.instance().config_loader().get_group_options("hydra/launcher")
    return [name for name in names if not any(cluster in name for cluster in CLUSTERS)]


def results(launcher: str, folder: Path, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "rnnsweep", *SWEEP, f"hydra/launcher={launcher}", *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(path.read_text()) for path in folder.glob("multirun/*/*/record.json")]
    return {record["run"]: (record["status"], record["steps"], record["best"]) for record in records}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return results("local", tmp_path_factory.mktemp("local"))


@pytest.mark.slow
@pytest.mark.parametrize("launcher", launchers())
def test_a_sweep_has_the_same_numbers_under_every_launcher(
    launcher: str, local: dict[str, Any], tmp_path: Path
) -> None:
    found = results(launcher, tmp_path)
    assert [status for status, *_ in found.values()] == ["complete"] * 2
    assert found == local


@pytest.mark.slow
def test_workers_that_are_spawned_give_the_same_numbers(local: dict[str, Any], tmp_path: Path) -> None:
    assert results("local", tmp_path, "hydra.launcher.start=spawn") == local


def test_a_worker_does_not_repeat_what_was_said_before_it_was_started(
    tmp_path: Path,
) -> None:
    text = "a text of a few words. " * 300
    for name, end in {"train": "", "valid": "äöü", "test": "a few words"}.items():
        (tmp_path / f"{name}.txt").write_text(text + end)
    small = ("task.seq_len=20", "cell.hidden_size=4", "train.steps=2", "seed=0,1")
    command = [sys.executable, "-m", "rnnsweep", "-m", f"task.text={tmp_path}", *small, "hydra.launcher.start=spawn"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("one unknown symbol") == 1


def test_the_launchers_are_found() -> None:
    assert {"basic", "local"} <= set(launchers())
