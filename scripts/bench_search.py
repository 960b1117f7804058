"""How many training steps a pruned search needs to come near the best of a grid.

    python scripts/bench_search.py [--search random] [--pruner asha] [--trials 192] [--rounds 3]

The grid: 96 small language models (three cells, two sizes, four learning rates, clipping off and at 1, two rates of
dropout), 300 steps each, on the reference text. The search draws from the same values, 192 trials, pruned; counted are
the steps of all its trials up to the first that was trained to the end within 1% of the grid's best validation loss.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GRID = [
    "cell=rnn,gru,lstm",
    "cell.hidden_size=32,64",
    "optimizer.lr=3e-4,1e-3,3e-3,1e-2",
    "train.clip=null,1.0",
    "task.output_dropout=0.0,0.2",
]
RUN = "task=charlm task.seq_len=32 task.sample_length=0 train.steps=300 train.eval_every=20 train.schedule=constant"


def sweep(folder: str, name: str, *options: str) -> Path:
    command = [sys.executable, "-m", "rnnsweep", "-m", *GRID, *RUN.split(), f"hydra.sweeper.name={name}", *options]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return Path(folder, "multirun", name)


def records(study: Path) -> list[dict[str, Any]]:
    """In the order in which they ended."""
    files = sorted(study.glob("*/record.json"), key=lambda file: file.stat().st_mtime)
    return [json.loads(file.read_text()) for file in files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--search", default="random")
    parser.add_argument("--pruner", default="asha")
    parser.add_argument("--trials", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole = records(sweep(folder, "grid"))
        best = min(record["best"].get("val/loss") or math.inf for record in whole)
        total = sum(record["steps"] for record in whole)
        print(f"grid: {len(whole)} runs, {total} steps, best validation loss {best:.4f}", flush=True)
        for number in range(options.rounds):
            chosen = [f"hydra.sweeper.search={options.search}", f"hydra.sweeper.pruner={options.pruner}"]
            study = sweep(
                folder, f"search{number}", *chosen, f"hydra.sweeper.n_trials={options.trials}", f"seed={number}"
            )
            print(told(records(study), best, total), flush=True)


def told(found: list[dict[str, Any]], best: float, total: int) -> str:
    steps, lowest = 0, math.inf
    whole = sum(record["steps"] for record in found)
    for count, record in enumerate(found, 1):
        steps += record["steps"]
        lowest = min(lowest, record["best"].get("val/loss") or math.inf)
        if lowest <= 1.01 * best:
            share = f"after {count} trials and {steps} steps, {steps / total:.2f} of the grid's"
            return f"search: within 1% {share}; all {len(found)} trials: {whole / total:.2f}"
    return f"search: best {lowest:.4f}, not within 1%; {whole / total:.2f} of the grid's steps"


if __name__ == "__main__":
    main()
