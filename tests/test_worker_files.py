"""Which workers a study counts as alive."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from rnnsweep import files, planned
from rnnsweep.study_folder import worker_file


def test_a_killed_worker_is_not_counted(tmp_path: Path) -> None:
    """SIGKILL leaves the file in which it said what it did."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here, now, afar = platform.node(), time.time(), "afar"
    for host, pid, wrote in (
        (here, ended.pid, now),
        (here, os.getpid(), now),
        ("afar", ended.pid, now),
        ("afar", 1, 0),
    ):
        path = worker_file(tmp_path, host, pid)
        files.make(path.parent)
        files.write(path, json.dumps({"host": host, "pid": pid, "time": wrote, "runs": []}))
    counted = {(worker.host, worker.pid) for worker in planned.workers(tmp_path)}
    assert counted == {(here, os.getpid()), (afar, ended.pid)}
