"""What differs between operating systems: the parts that another system would take are tried on this one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from rnnsweep import system
from rnnsweep.errors import ConfigError
from rnnsweep.run import device
from rnnsweep.train import TrainConfig

ORPHAN = """
import multiprocessing, os, signal, threading, time
from rnnsweep import system

def child():
    threading.Thread(target=system._end_after_parent, daemon=True).start()
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=child).start()
    time.sleep(60)
"""


def test_a_process_ends_with_its_parent_where_the_system_does_not_see_to_it(tmp_path: Path) -> None:
    (tmp_path / "orphan.py").write_text(ORPHAN)
    with subprocess.Popen([sys.executable, "orphan.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert system.is_alive(child)
        parent.kill()
        end = time.monotonic() + 20
        while _runs(child) and time.monotonic() < end:
            time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """Whether the process is there and not only waits to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_that_ended_is_not_alive() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert not system.is_alive(done.pid)
    assert system.is_alive(os.getpid())
    assert system.is_alive(1)  # another user's, unless this is root


def test_on_windows_a_file_that_somebody_reads_is_replaced_when_they_have_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, tries = tmp_path / "a", tmp_path / "b", []
    source.write_text("new")
    rename = Path.replace

    def replace(self: Path, to: Path) -> Path:
        tries.append(to)
        if len(tries) < 3:
            raise PermissionError(13, "somebody reads it")
        return rename(self, to)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(PermissionError):
        system.replace(source, target)
    monkeypatch.setattr(sys, "platform", "win32")
    system.replace(source, target)
    assert target.read_text() == "new"


def test_the_signals_that_ask_to_end() -> None:
    assert {signal.SIGINT, signal.SIGTERM} <= set(system.SIGNALS)


def test_the_peak_of_memory_counts_what_was_used() -> None:
    before = system.resident_peak()
    assert before is not None
    held = bytearray(200_000_000)
    held[::4096] = b"x" * len(held[::4096])
    after = system.resident_peak()
    assert after is not None
    assert after > 150_000_000


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_gpu_that_is_not_there_is_refused_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=rf"train\.device: torch finds no {name.upper()} device"):
        device(TrainConfig(device=name))  # type: ignore[arg-type]


def test_a_gpu_of_a_mac_is_taken_only_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device(TrainConfig()).type == "cpu"
    assert device(TrainConfig(device="mps")).type == "mps"
    with pytest.raises(ConfigError, match="fused kernel is for the CPU"):
        device(TrainConfig(device="mps", kernel="fused"))
