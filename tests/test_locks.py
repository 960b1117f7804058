"""Locks: one holder at a time, gone with the process, not inherited, and marker files where there are none."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rnnsweep import locks
from rnnsweep.errors import TOLD, MachineError

HOLD = "import sys, time; from pathlib import Path; from rnnsweep import locks; held = locks.take(Path(sys.argv[1]));"
HOLD += "print(held is not None, flush=True); time.sleep(60)"


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, as some of clusters are."""

    def lacking(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", lacking)
    TOLD.clear()


def test_one_holder_at_a_time_and_asking_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not locks.is_taken(path)
    assert not path.exists()
    held = locks.take(path)
    assert held
    assert locks.is_taken(path)
    assert locks.take(path) is None
    held.release()
    assert not locks.is_taken(path)
    with locks.alone(path):
        assert locks.take(path) is None
    assert locks.take(path)


def test_an_older_process_and_a_newer_one_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / ".ask"
    with open(path, "w") as old:
        fcntl.flock(old, fcntl.LOCK_EX)
        assert locks.take(path) is None
        assert locks.is_taken(path)
    held = locks.take(path)
    assert held
    with open(path, "w") as old, pytest.raises(BlockingIOError):
        fcntl.flock(old, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("marker", [False, True])
def test_a_lock_dies_with_a_killed_process(marker: bool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    lacking = "import fcntl, errno\ndef flock(*_): raise OSError(errno.ENOSYS, 'x')\nfcntl.flock = flock\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", (lacking if marker else "") + HOLD, str(tmp_path / "l")], stdout=subprocess.PIPE
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"True\n"
    if marker:
        request.getfixturevalue("no_flock")
    assert locks.is_taken(tmp_path / "l")
    assert locks.take(tmp_path / "l") is None
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not locks.is_taken(tmp_path / "l")
    held = locks.take(tmp_path / "l")
    assert held
    held.release()


def test_a_forked_process_neither_inherits_nor_frees_a_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    held = locks.take(path)
    assert held
    child = os.fork()
    if child == 0:
        try:
            held.release()
        finally:
            os._exit(0 if locks.is_taken(path) else 1)  # its parent holds it, and it cannot give it back
    assert os.waitpid(child, 0)[1] == 0
    assert locks.is_taken(path)
    asleep = os.fork()
    if asleep == 0:
        signal.pause()
    held.release()
    assert locks.take(path), "a child that lives on must not keep its parent's lock"
    os.kill(asleep, signal.SIGKILL)
    os.waitpid(asleep, 0)


@pytest.mark.usefixtures("no_flock")
def test_without_locks_markers_take_their_place_and_that_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = [locks.take(tmp_path / name) for name in ("a", "b")]
    assert all(held)
    assert locks.take(tmp_path / "a") is None
    assert locks.is_taken(tmp_path / "a")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "has no locks (No locks available)" in said
    assert "delete" in said
    for each in held:
        assert each
        each.release()
    assert not locks.is_taken(tmp_path / "a")


def test_a_lock_that_cannot_be_made_names_the_file_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match=r"file/\.lock cannot be locked: File exists; move the file"):
        locks.take(tmp_path / "file" / ".lock")
