"""Kills at random moments, under the default settings, change nothing: no record, no row, no weight. Slow.

    python tests/test_kills.py 60

makes 60 kills, half of them in each of two sweeps; the tests make 10 in each.
"""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.slow

TIMES = ("tokens_per_second", "seconds_per_epoch")
SHARES = {"worker": 0.6, "parent": 0.16, "SIGTERM": 0.12, "SIGINT": 0.12}
"""What is hit: a worker or the parent by SIGKILL, or the parent by a signal that asks it to stop."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep with so many workers, to be compared with the same one, undisturbed, with another number of them."""

    overrides: tuple[str, ...]
    workers: int
    others: int

    def command(self, kills: int, workers: int) -> list[str]:
        length = (f"train.steps={100 * kills}", "train.eval_every=100")
        return [sys.executable, "-m", "rnnsweep", "-m", *self.overrides, *length, f"hydra.sweeper.workers={workers}"]


PARITY = ("task=parity", "task.examples=400", "task.held_out=50", "train.batch_size=20", "cell.hidden_size=8")
COPY = ("task=copy", "task.examples=400", "task.held_out=50", "cell.hidden_size=16", "task.embedding_size=8")
TUNED = (
    "hydra.sweeper.compare=cell",
    'hydra.sweeper.tune={optimizer.lr: "tag(log, interval(1e-3, 1e-1))", train.clip: "choice(null, 1.0)"}',
    "hydra.sweeper.tune_trials=9",
    "hydra.sweeper.seeds_max=8",
)
SWEEPS = {
    "one worker": Sweep((*PARITY, "cell=rnn,gru,lstm", "optimizer.lr=1e-3,1e-2", "seed=range(4)"), 1, 2),
    "a tuned sweep": Sweep((*PARITY, "cell=rnn,gru", *TUNED), 2, 1),
    "two workers": Sweep((*COPY, "cell=gru,lstm,mingru", "cell.dropout=0,.1,.2", "seed=range(2)"), 2, 1),
}


def start(command: list[str], cwd: Path) -> "subprocess.Popen[bytes]":
    cwd.mkdir(exist_ok=True)
    # a shell starts what runs in the background with SIGINT ignored, and children would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # a group of its own, so that what the test is sent does not reach it
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def runs(cwd: Path) -> list[Path]:
    return [path.parent for path in sorted(cwd.glob("multirun/default/*/record.json"))]


def outcome(folder: Path) -> dict[str, Any]:
    """All that a run leaves, without its times: record, rows, weights and what its optimizer remembers."""
    record = json.loads((folder / "record.json").read_text())
    kept = {key: record[key] for key in ("status", "steps", "best", "summary", "parameters", "error")}
    kept["metrics"] = {key: value for key, value in record["metrics"].items() if key.split("/")[-1] not in TIMES}
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    kept["rows"] = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    last, best = (torch.load(folder / name, weights_only=True) for name in ("last.pt", "best.pt"))
    tensors = {"best": best["weights"]} | {key: last[key] for key in ("weights", "best_weights", "slots", "tally")}
    kept["bits"] = {key: {name: part.numpy().tobytes() for name, part in each.items()} for key, each in tensors.items()}
    kept["standing"] = {
        key: last["standing"][key] for key in ("status", "best", "snapshots", "stale", "first", "steps")
    }
    return kept


def chosen(cwd: Path) -> Any:
    """What a tuned sweep chose, and its verdicts."""
    found = [json.loads(path.read_text())["chosen"] for path in cwd.glob("multirun/default/.study/tuned-*.json")]
    assert all(found)
    return found


def workers(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(word) for word in listed.split()]


def strike(process: "subprocess.Popen[bytes]", chosen: random.Random) -> str | None:
    """Kills a worker, or the parent, or asks the parent to stop; what was hit, None where there was nothing to hit."""
    alive = workers(process.pid)
    what = chosen.choices(list(SHARES), list(SHARES.values()))[0]
    if not alive or process.poll() is not None:
        return None
    if what in ("worker", "parent"):
        number, victim = signal.SIGKILL, chosen.choice(alive) if what == "worker" else process.pid
    else:
        number, victim = signal.Signals[what], process.pid
    try:
        os.kill(victim, number)
    except ProcessLookupError:
        return None
    return what


def disturbed(command: list[str], cwd: Path, kills: int, seed: int) -> list[str]:
    """Works on the sweep to its end, and hits it on the way; returns what was hit."""
    chosen, hits, ended = random.Random(seed), list[str](), dict[Path, int]()
    process = start(command, cwd)
    try:
        while len(hits) < kills:
            time.sleep(chosen.uniform(0.1, 3))
            if process.poll() == 0:
                break
            if process.poll() is not None:
                process = start(command, cwd)
                continue
            hit = strike(process, chosen)
            hits += [hit] if hit else []
            if hit in ("SIGTERM", "SIGINT"):
                assert process.wait(60) == 128 + signal.Signals[hit]
            for folder in runs(cwd):
                written = (folder / "record.json").stat().st_mtime_ns
                complete = json.loads((folder / "record.json").read_text())["status"] == "complete"
                assert not complete or ended.setdefault(folder, written) == written, f"{folder} was trained twice"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    for _ in range(3):  # a run whose worker was killed twice at its start counts as failed until it is tried again
        last = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=3000)
        if last.returncode == 0:
            return hits
    raise AssertionError(last.stdout + last.stderr)


def compare(sweep: Sweep, folder: Path, kills: int, seed: int = 0) -> list[str]:
    """Trains it disturbed and undisturbed; fails where anything differs. Returns what was hit."""
    hits = disturbed(sweep.command(kills, sweep.workers), folder / "cut", kills, seed)
    assert start(sweep.command(kills, sweep.others), folder / "whole").wait() == 0
    assert chosen(folder / "whole") == chosen(folder / "cut")
    whole, cut = ({run.name: outcome(run) for run in runs(folder / name)} for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    for name, wanted in whole.items():
        for part, value in wanted.items():
            assert cut[name][part] == value, f"{name}: other {part}"
    return hits


@pytest.mark.parametrize("name", SWEEPS)
def test_kills_change_nothing(name: str, tmp_path: Path) -> None:
    hits = compare(SWEEPS[name], tmp_path, 10)
    assert len(hits) >= 8, "the sweep ended before it was hit often enough"


def main(kills: int, seed: int) -> None:
    for name, sweep in SWEEPS.items():
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            hits = compare(sweep, Path(folder), kills // len(SWEEPS), seed)
            count = {what: hits.count(what) for what in SHARES}
            print(f"{name}: {len(hits)} kills {count}, nothing differs, {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
