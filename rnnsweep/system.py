"""What differs between operating systems: signals, processes, memory, cores. No other module asks which one it is.

Linux is where the project is tested. What stands here for macOS and Windows follows their documentation.
"""

import ctypes
import os
import platform
import signal
import sys
import threading
import time
from multiprocessing import parent_process
from pathlib import Path
from typing import Literal

EXIT_FAULT = 74
"""The exit code after a fault of the machine: EX_IOERR, as the systems that have sysexits.h name it."""

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if name in dir(signal))
"""The signals by which people and systems ask a process to end: SIGBREAK on Windows, SIGHUP elsewhere."""

StartMethod = Literal["fork", "spawn"]

START: StartMethod = "fork" if sys.platform == "linux" else "spawn"
"""How a worker's process is started. A fork has torch imported already, but it is safe on Linux alone."""

REPLACE_SECONDS = 2.0  # Windows does not replace a file while somebody reads it


def replace(source: Path, target: Path) -> None:
    """Renames a file over another one, at once; on Windows when nobody reads the other one any more.

    Raises:
        OSError: the system does not let us.
    """
    end = time.monotonic() + REPLACE_SECONDS
    while True:
        try:
            source.replace(target)
            return
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > end:
                raise
            time.sleep(0.01)


def sync_data(descriptor: int) -> None:
    """Makes a file's content survive a loss of power. macOS and Windows have `fsync` alone."""
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_directory(path: Path) -> None:
    """Makes the names in a directory survive a loss of power, where its file system can."""
    if sys.platform == "win32":  # a directory cannot be opened there
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError:  # some cannot, such as those of other systems' disks
        pass
    finally:
        os.close(folder)


def user() -> str:
    """A name for this user's files in a folder that several users share."""
    return str(os.getuid()) if sys.platform != "win32" else os.environ.get("USERNAME", "")


def processor() -> str:
    """The processor as its maker names it, where Linux says it: `AMD EPYC 7B13`; elsewhere its kind."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def is_alive(pid: int) -> bool:
    """Whether this machine has a process of that number; on Windows it is taken to have one."""
    if sys.platform == "win32":  # os.kill would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    return True


def die_with_parent(parent: int) -> None:
    """Arranges that this process gets a SIGTERM when its parent is gone, so that a killed sweep leaves no workers.

    Args:
        parent: the parent's number when this process was started.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            sys.exit(128 + signal.SIGTERM)
    else:
        threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        signal.raise_signal(signal.SIGTERM)


def resident_peak() -> int | None:
    """The largest resident set of this process so far, in bytes; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage there counts the parent's pages from before the exec
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
