"""The training loop against a bare hand-written one over the same model, alternating in one process.

    python scripts/bench_step.py [--threads 1] [--rounds 7] [--seconds 2]

Both train nn.Embedding + nn.GRU / nn.LSTM / nn.RNN + nn.Linear on random windows of the same text with AdamW and a
gradient norm of at most 1. Printed: milliseconds a step (medians over the rounds), the ratio ours / bare (median of
the rounds' ratios, with the smallest and largest), and the ratio of peak memory of two whole processes.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from rnnsweep import run, system
from rnnsweep.config import Config
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.train import Observer, Trainer

SIZES = ((32, 20, 32), (32, 64, 128), (64, 128, 256))  # batch, time, hidden
CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
EMBEDDING = 32


class Clock(Observer):
    """Seconds from the end of the first step to the end of the last."""

    def __init__(self, steps: int):
        self.steps = steps

    def stepped(self, step: int) -> None:
        if step == 1:
            self.start = time.perf_counter()
        if step == self.steps:
            self.seconds = time.perf_counter() - self.start


def config(cell: str, batch: int, length: int, hidden: int, steps: int) -> Config:
    own = {"forget_bias": None} if cell == "lstm" else {}
    return {
        "choices": {"task": "charlm", "cell": cell},
        "task": {
            "_target_": "rnnsweep.tasks.charlm.CharLM",
            "seq_len": length,
            "carry_state": False,
            "embedding_size": EMBEDDING,
        },
        "cell": {
            "_target_": f"rnnsweep.cells.{cell}.{cell.upper()}",
            "hidden_size": hidden,
            "recurrent_init": "uniform",
        }
        | own,
        "pooling": {"_target_": "rnnsweep.pooling.Last"},
        "optimizer": {"_target_": "rnnsweep.optim.AdamW"},
        "train": {
            "steps": steps,
            "batch_size": batch,
            "schedule": "constant",
            "eval_every": 10**9,
            "checkpoint_seconds": 1e9,
        },
    }


def ours(cell: str, batch: int, length: int, hidden: int, steps: int) -> float:
    """Seconds a step of this project's trainer."""
    prepared, clock = run.prepare(config(cell, batch, length, hidden, steps)), Clock(steps)
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        trainer = Trainer([run.make_member(prepared, store)], torch.device("cpu"), clock, StopRequest())
        trainer.evaluate = lambda split: []  # type: ignore[method-assign]  # the loop alone is timed
        trainer.run()
        store.release()
    return clock.seconds / (steps - 1)


def bare(cell: str, batch: int, length: int, hidden: int, steps: int) -> float:
    """Seconds a step of the loop that one would write by hand."""
    task = run.prepare(config(cell, batch, length, hidden, steps)).task
    tokens, vocab = task.vocab.encode("".join(task.data.parts["train"])).long(), len(task.vocab)  # type: ignore[attr-defined]
    embedding, head = nn.Embedding(vocab, EMBEDDING), nn.Linear(hidden, vocab)
    network = CELLS[cell](EMBEDDING, hidden, batch_first=True)
    parameters = [*embedding.parameters(), *network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, foreach=True)
    start = 0.0
    for step in range(steps):
        places = torch.randint(len(tokens) - length, (batch,))
        inputs = torch.stack([tokens[i : i + length] for i in places])
        targets = torch.stack([tokens[i + 1 : i + length + 1] for i in places])
        hidden_states, _ = network(embedding(inputs))
        loss = F.cross_entropy(head(hidden_states).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 50 == 49:
            loss.item()
        if step == 0:
            start = time.perf_counter()
    return (time.perf_counter() - start) / (steps - 1)


def peak(which: str, cell: str, size: tuple[int, int, int]) -> float:
    """Bytes of the largest resident set of a process that trains 20 steps."""
    command = [sys.executable, __file__, "--peak", which, cell, *map(str, size)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def compare(cell: str, size: tuple[int, int, int], rounds: int, seconds: float) -> None:
    bare(cell, *size, 5)
    steps = max(10, int(seconds / bare(cell, *size, 10)))
    times = [(ours(cell, *size, steps), bare(cell, *size, steps)) for _ in range(rounds)]
    ratios = sorted(mine / theirs for mine, theirs in times)
    mine, theirs = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    memory = peak("ours", cell, size) / peak("bare", cell, size)
    shape = f"B {size[0]}, T {size[1]}, H {size[2]}"
    spread = f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
    print(f"| {cell} | {shape} | {theirs:.2f} | {mine:.2f} | {spread} | {memory:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one loop in one round")
    parser.add_argument("--peak", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        which, cell, *size = options.peak
        {"ours": ours, "bare": bare}[which](cell, *map(int, size), 20)
        print(system.resident_peak())
        return
    print(f"torch {torch.__version__}, {options.threads} thread(s), median of {options.rounds} rounds\n")
    print("| cell | size | bare ms | ours ms | ours / bare | peak memory |\n|---|---|---|---|---|---|")
    for size in SIZES:
        for cell in CELLS:
            compare(cell, size, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
