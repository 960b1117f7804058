"""How many cores a process may use."""

import os
from pathlib import Path

import pytest

from rnnsweep import cores


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight cores, all of them this process's, and no control group yet."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(cores, "OWN_GROUP", tmp_path / "own")
    return tmp_path


@pytest.mark.usefixtures("machine")
def test_all_cores() -> None:
    assert (cores.cores(), cores.said()) == (8, "8 cores")


@pytest.mark.usefixtures("machine")
def test_a_process_that_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert (cores.cores(), cores.said()) == (2, "2 of 8 cores (those that this process is bound to)")


@pytest.mark.usefixtures("machine")
def test_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    assert (cores.cores(), cores.said()) == (4, "4 of 8 cores (SLURM_CPUS_PER_TASK)")


@pytest.mark.parametrize(("quota", "count"), [("200000 100000", 2), ("150000 100000", 1), ("50000 100000", 1)])
def test_the_quota_of_a_container(machine: Path, quota: str, count: int) -> None:
    (machine / "fs").mkdir()
    (machine / "fs" / "cpu.max").write_text(quota + "\n")
    (machine / "own").write_text("0::/\n")
    assert (cores.cores(), cores.said()) == (count, f"{count} of 8 cores (the container's CPU quota)")


def test_a_quota_of_a_group_further_up(machine: Path) -> None:
    folder = machine / "fs" / "user.slice" / "mine"
    folder.mkdir(parents=True)
    (folder / "cpu.max").write_text("max 100000\n")
    (folder.parent / "cpu.max").write_text("300000 100000\n")
    (machine / "own").write_text("0::/user.slice/mine\n")
    assert cores.cores() == 3


@pytest.mark.parametrize(("quota", "count"), [("250000", 2), ("-1", 8)])
def test_version_1_of_the_control_groups(machine: Path, quota: str, count: int) -> None:
    folder = machine / "fs" / "cpu" / "docker" / "abc"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text(quota + "\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (machine / "own").write_text("4:cpu,cpuacct:/docker/abc\n0::/\n")
    assert cores.cores() == count


def test_this_machine() -> None:
    assert 1 <= cores.cores() <= (os.cpu_count() or 1)
