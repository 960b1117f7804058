"""How long a report of many runs takes, and how much memory: makes a tree of records, untrained, and reports on it.

    python scripts/bench_report.py [--runs 10000] [--evaluations 50] [--keep FOLDER]

The tree is a grid as a study leaves it: a plan, and for each run config.json, metrics.jsonl (an evaluation and a train
row each) and record.json with samples; cells, sizes, learning rates, clipping, five seeds; one run in fifty diverged.
The report runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rnnsweep.record import RunRecord

ROOT = Path(__file__).parent.parent
CELLS = {"rnn": (1, 0.0), "gru": (3, -0.12), "lstm": (4, -0.1)}  # gates, effect
SIZES = (32, 64, 128, 256)
SEEDS = 5


def configs(count: int) -> list[dict[str, Any]]:
    """The first `count` configs of a grid with as many learning rates as that needs."""
    rates = max(1, -(-count // (len(CELLS) * len(SIZES) * 2 * SEEDS)))
    values = [round(10 ** (-4 + 3 * i / rates), 7) for i in range(rates)]
    grid = itertools.product(values, CELLS, SIZES, (None, 1.0), range(SEEDS))
    return [config(*point) for point in itertools.islice(grid, count)]


def config(lr: float, cell: str, size: int, clip: float | None, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "out": "multirun/bench",
        "rerun": False,
        "size": "full",
        "packages": [],
        "task": {"_target_": "rnnsweep.tasks.charlm.CharLM", "text": None, "seq_len": 64, "carry_state": True}
        | {f"setting_{i}": i for i in range(10)},
        "cell": {"_target_": "x", "hidden_size": size, "num_layers": 1, "dropout": 0.0, "recurrent_init": "orthogonal"},
        "pooling": {"_target_": "rnnsweep.pooling.Last"},
        "optimizer": {"_target_": "x", "lr": lr, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8},
        "train": {"steps": 2000, "clip": clip, "batch_size": 32, "schedule": "cosine", "warmup": 100, "threads": 0}
        | {f"setting_{i}": i for i in range(10)},
        "choices": {"task": "charlm", "cell": cell, "pooling": "last", "optimizer": "adamw"},
    }


def write(study: Path, name: str, made: dict[str, Any], evaluations: int) -> None:
    """One run's files; not flushed to the disk one by one, which is the store's care and not measured here."""
    noise = random.Random(name)
    gates, effect = CELLS[made["choices"]["cell"]]
    diverged = made["train"]["clip"] is None and noise.random() < 0.04
    end = 1.6 + effect - 0.08 * SIZES.index(made["cell"]["hidden_size"]) + 0.05 * (made["optimizer"]["lr"] > 0.01)
    end += noise.gauss(0, 0.01)
    folder = study / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(made, indent=2))
    with open(folder / "metrics.jsonl", "w") as rows:
        for index in range(1, evaluations + 1):
            step, loss = index * 2000 // evaluations, end + 1 / index
            train = {"loss": loss - 0.05, "ppl": 5.0, "bpc": 2.0, "grad_norm": 0.4, "clipped": 0.1, "lr": 1e-3}
            rows.write(json.dumps({"step": step, "split": "train"} | train | {"tokens_per_second": 1e5}) + "\n")
            rows.write(json.dumps({"step": step, "split": "val", "loss": loss, "ppl": 5.0, "bpc": 2.0}) + "\n")
    text = "".join(noise.choices("abcdefghij klmno\n", k=300))
    sample = {"prompt": "The", "temperature": 0.8, "top_k": 0, "text": text}
    best = {f"{split}/{key}": end for split in ("val", "test") for key in ("loss", "ppl", "bpc")}
    record = RunRecord(
        run=name,
        status="diverged" if diverged else "complete",
        metrics={"train/loss": end - 0.05, "val/loss": end, "train/grad_norm": 0.4, "train/tokens_per_second": 1e5},
        best={"step": 2000} if diverged else {"step": 2000} | best,
        parameters=gates * made["cell"]["hidden_size"] ** 2,
        seconds=60.0,
        steps=2000,
        config=made,
        environment={"versions": {"torch": "2.13"}, "git_commit": "abc", "host": "bench", "device": "cpu", "stack": 4}
        | {"platform": "Linux", "threads": 1, "data_hash": "d", "peak_memory_bytes": 10**9, "execution": []},
        summary={} if diverged else {"samples": [sample] * 20},
        metric={"name": "loss", "unit": "nats", "direction": "min"},
    )
    (folder / "record.json").write_text(json.dumps(vars(record), indent=2))


def tree(study: Path, count: int, evaluations: int) -> None:
    """A study's directory as a finished sweep leaves it."""
    plan = []
    (study / ".study").mkdir(parents=True)
    for index, made in enumerate(configs(count)):
        name = f"charlm-{made['choices']['cell']}-s{made['seed']}-{index:08x}"
        write(study, name, made, evaluations)
        plan.append({"id": name, "signature": "s", "config": made, "overrides": [f"seed={made['seed']}"]})
    (study / ".study" / "plan-0.json").write_text(json.dumps(plan))


def measure(study: Path, out: Path) -> tuple[float, float]:
    """Wall seconds of the report, and its peak resident memory in MiB."""
    before = time.perf_counter()
    command = [sys.executable, ROOT / "scripts" / "report.py", study, "--out", out]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the report failed with {os.waitstatus_to_exitcode(status)}")
    peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return time.perf_counter() - before, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default="10000", help="by commas, as in 1000,10000,100000")
    parser.add_argument("--evaluations", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="make the trees here, or use those that are here")
    options = parser.parse_args()
    print("| runs | making the tree (s) | report (s) | peak memory (MiB) |\n|---|---|---|---|")
    for count in map(int, options.runs.split(",")):
        with tempfile.TemporaryDirectory() as temporary:
            study = (options.keep or Path(temporary)) / f"bench-{count}"
            start = time.perf_counter()
            if not study.exists():
                tree(study, count, options.evaluations)
            made = time.perf_counter() - start
            seconds, peak = measure(study, Path(temporary) / "report")
            print(f"| {count:,} | {made:.0f} | {seconds:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
