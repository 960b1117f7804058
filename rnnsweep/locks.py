"""Locks between processes, the only module that takes them: a file that one process holds at a time.

A lock ends with the process that holds it, however that process ends, and a forked process does not inherit it. Where a
file system has no locks, a marker file beside the lock's takes its place. A marker of a dead process on this machine is
taken over; that of a process on another machine has to be deleted by hand.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout, lock_descriptor

from rnnsweep import system
from rnnsweep.errors import MachineError, tell_once

LACKING = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""What `flock` answers on a file system without locks."""

Lock = BaseFileLock


def take(path: Path, *, wait: bool = False) -> Lock | None:
    """The lock, held until its `release()`; None while another process, or this one, holds it.

    Args:
        path: the lock's file; it is made where it is missing, and stays.
        wait: waits until the lock is free in place of returning None.

    Raises:
        MachineError: the file cannot be made or locked.
    """
    try:
        try:
            return _taken(FileLock(path, thread_local=False, fallback_to_soft=False), wait)
        except OSError as error:
            if error.errno not in LACKING:
                raise
            _tell_lacking(path, error)
            return _taken(SoftFileLock(_marker(path), thread_local=False), wait)
    except OSError as error:
        raise MachineError(path, error, "locked") from error


def _taken(lock: Lock, wait: bool) -> Lock | None:
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        return None
    return lock


def is_taken(path: Path) -> bool:
    """Whether a process holds the lock; asks without making or writing anything."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not lock_descriptor(file, blocking=False)  # closing the file gives it back
    except OSError:
        holder = SoftFileLock(_marker(path)).pid
        return holder is not None and system.is_alive(holder)
    finally:
        os.close(file)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time is inside; the others wait.

    Raises:
        MachineError: the file cannot be made or locked.
    """
    lock = take(path, wait=True)
    try:
        yield
    finally:
        if lock:
            lock.release()


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.marker")


def _tell_lacking(path: Path, error: OSError) -> None:
    mount = next(folder for folder in path.resolve().parents if folder.is_mount())
    tell_once(
        f"the file system at {mount} has no locks ({error.strerror}); marker files take their place. If a process is "
        "killed on another machine, delete the `.*.marker` files that it leaves in the runs' directories"
    )
