"""A hundred SIGKILLs over one sweep of forty runs. Slow."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SWEEP = (
    *("-m", "task=parity", "task.examples=400", "task.held_out=50", "train.batch_size=20", "cell.hidden_size=8"),
    *("train.steps=1000", "train.eval_every=500", "train.checkpoint_seconds=0.05", "train.threads=1"),
    *("cell=rnn,gru", "optimizer.lr=1e-3,1e-2", "seed=range(10)", "hydra.sweeper.stack=1", "hydra.sweeper.workers=2"),
)
COMMAND = [sys.executable, "-m", "rnnsweep", *SWEEP]


def start(cwd: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(COMMAND, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def records(cwd: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in cwd.glob("multirun/default/*/record.json"):
        record = json.loads(path.read_text())
        found[record["run"]] = {key: record[key] for key in ("status", "steps", "best", "showcase")}
    return found


def workers(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(word) for word in listed.split()]


def ended(cwd: Path, seen: dict[Path, int]) -> None:
    """Notes when complete runs ended; fails where one ended twice."""
    for path in cwd.glob("multirun/default/*/record.json"):
        try:
            written = path.stat().st_mtime_ns
            if json.loads(path.read_text())["status"] == "complete":
                assert seen.setdefault(path, written) == written, f"{path.parent.name} was trained to its end twice"
        except FileNotFoundError:
            continue


def test_a_hundred_kills_change_nothing(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    subprocess.run(COMMAND, cwd=whole, check=True, capture_output=True, timeout=300)
    chosen, kills, seen = random.Random(0), 0, dict[Path, int]()
    process = start(cut)
    while kills < 100 and len(seen) < 40:
        time.sleep(chosen.uniform(0.05, 0.4))
        ended(cut, seen)
        if process.poll() is not None:
            process = start(cut)
            continue
        alive = workers(process.pid)
        if alive and chosen.random() < 0.9:
            victim = chosen.choice(alive)
        elif alive:
            victim = process.pid
        else:
            continue  # still starting
        try:
            os.kill(victim, signal.SIGKILL)
            kills += 1
        except ProcessLookupError:
            continue
    process.wait() if process.poll() is None and len(seen) == 40 else process.kill()
    process.wait()
    for _ in range(3):  # a run whose worker was killed twice at the very start counts as failed until it is tried again
        last = subprocess.run(COMMAND, cwd=cut, capture_output=True, text=True, timeout=300)
        ended(cut, seen)
        if last.returncode == 0:
            break
    assert last.returncode == 0, last.stdout + last.stderr
    assert records(cut) == records(whole)
    assert len(seen) == 40
    print(f"{kills} kills")
    assert kills >= 50
