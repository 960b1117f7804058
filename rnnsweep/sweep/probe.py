"""How many runs of one shape to train as one program: measured, once for a shape, a machine and a study."""

import json
import platform
import tempfile
import time
from pathlib import Path

import torch

from rnnsweep import run
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.run import Run
from rnnsweep.train import Observer, Trainer

SIZES = (1, 4, 16, 64, 256)
SECONDS = 0.1  # of measuring one size
GAIN = 1.1  # a larger stack must be this much faster per run, or it is not worth its memory


def stack_size(like: Run, available: int, folder: Path) -> int:
    """The size of the stack in which a run like this one advances fastest, at most `available`."""
    known = _known(folder)
    key = f"{like.signature[:16]} {platform.node()} {torch.get_num_threads()}"
    if key not in known or (known[key]["grows"] and known[key]["tried"] < min(available, SIZES[-1])):
        known[key] = _measure(like, available)
        RunStore(folder).write("probe.json", json.dumps(_known(folder) | {key: known[key]}))
    return min(int(known[key]["best"]) if not known[key]["grows"] else available, available, SIZES[-1])


def _known(folder: Path) -> dict[str, dict[str, float]]:
    try:
        content: dict[str, dict[str, float]] = json.loads((folder / "probe.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return content


def _measure(like: Run, available: int) -> dict[str, float]:
    """Sizes up the ladder until a run's share of a step stops falling or memory runs short."""
    best, tried, shortest = 1, 1, float("inf")
    for size in dict.fromkeys(min(size, available) for size in SIZES):
        try:
            share = seconds_per_step(like, size) / size
        except Exception:  # out of memory, or a run that cannot be trained: its training will say so, alone
            break
        tried = size
        if share * GAIN > shortest:
            break
        best, shortest = size, share
    shortest = shortest if shortest < float("inf") else 0.0
    return {"best": best, "tried": tried, "grows": best == tried and tried == available, "share": shortest}


def seconds_per_step(like: Run, size: int) -> float:
    """The median time of a training step of a stack of `size` copies of a run, after two that are not counted."""
    with tempfile.TemporaryDirectory() as folder:
        members = [run.make_member(like, RunStore(Path(folder))) for _ in range(size)]
        trainer = Trainer(members, run.device(like.train), Observer(), StopRequest())
        times: list[float] = []
        while len(times) < 3 or (sum(times) < SECONDS and len(times) < 100):
            start = time.perf_counter()
            trainer.advance()
            if trainer.device.type == "cuda":
                torch.cuda.synchronize(trainer.device)
            times.append(time.perf_counter() - start)
    return sorted(times[2:])[len(times[2:]) // 2]
