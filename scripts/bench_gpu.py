"""A stack on a GPU against its members one by one with torch's own kernels (cuDNN), alternating in one process.

    python scripts/bench_gpu.py [--hidden 32,128,256,512] [--members 1,8,32,128] [--rounds 5] [--device cuda]

A language model of characters: windows of 64 in batches of 32, AdamW, a gradient norm of at most 1. Printed for each
cell, hidden size and number of members: milliseconds of a step of the stack and of a step of every member in turn
(medians over the rounds), and how much faster the stack is (median of the rounds' ratios, with the smallest and the
largest). A stack that does not fit into the memory is said to.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from rnnsweep import run
from rnnsweep.api.compose import described
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.train import Observer, Trainer

STEPS = 10
"""Steps of one timing, after three that are not timed."""


def trainer(cell: str, hidden: int, members: int, device: str, folder: Path) -> Trainer:
    """Training of so many members as one program, or of one of them with torch's own kernel."""
    kernel = "library" if members == 1 else "auto"
    words = f"cell={cell} cell.hidden_size={hidden} task.seq_len=64 train.device={device} train.kernel={kernel}".split()
    prepared = run.prepare(described(*words))
    made = [run.make_member(prepared, RunStore(folder)) for _ in range(members)]
    return Trainer(made, torch.device(device), Observer(), StopRequest())


def seconds(training: Trainer) -> float:
    """Of a step."""
    for _ in range(3):
        training.advance()
    _wait(training.device)
    start = time.perf_counter()
    for _ in range(STEPS):
        training.advance()
    _wait(training.device)
    return (time.perf_counter() - start) / STEPS


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def compared(cell: str, hidden: int, members: int, rounds: int, device: str) -> str:
    """A row of the table."""
    head = f"{cell:<5}{hidden:>7}{members:>9}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            stack = trainer(cell, hidden, members, device, Path(folder))
            alone = trainer(cell, hidden, 1, device, Path(folder))
            times = [(seconds(stack), members * seconds(alone)) for _ in range(rounds)]
        except torch.OutOfMemoryError:
            return f"{head}   does not fit"
    ratios = [single / stacked for stacked, single in times]
    stacked, single = (1e3 * statistics.median(each) for each in zip(*times, strict=True))
    told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"{head}{stacked:>12.2f}{single:>14.2f}   {told}"


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="gru,lstm,rnn")
    parser.add_argument("--hidden", type=numbers, default=[32, 128, 256, 512])
    parser.add_argument("--members", type=numbers, default=[1, 8, 32, 128])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.exit(2, "bench_gpu: torch finds no CUDA device here; --device cpu shows the table on the CPU\n")
    name = torch.cuda.get_device_name() if options.device == "cuda" else options.device
    print(f"torch {torch.__version__} on {name}; milliseconds of a step of all members")
    print("cell  hidden  members       stack    one by one   the stack is faster by")
    for cell in options.cells.split(","):
        for hidden in options.hidden:
            for members in options.members:
                print(compared(cell, hidden, members, options.rounds, options.device), flush=True)


if __name__ == "__main__":
    main()
