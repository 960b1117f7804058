"""Every cell of conf/cell against nn.LSTM, forward and backward, alternating in one process.

    python scripts/bench_cells.py [--cells gru,mut1] [--sizes 32x64x128,64x128x256] [--rounds 7] [--threads 1]

One layer over B x T steps, as many inputs as hidden features, gradients of the inputs and all weights. Each execution
that a cell has is measured (library: torch's kernel; fused: the compiled kernel; scan: the written-out step or the
cell's parallel form) and the fastest one named, which is what `train.kernel=auto` chooses for a run alone between
`fused` and `library`, or the scan where there is no library kernel. A ratio is the median over the rounds of a cell's
time by nn.LSTM's in the same round, in brackets the smallest and largest: other processes on the machine disturb both.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

import torch
from bench_kernels import Step, rounds, torch_step
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn

from rnnsweep import kernels, run
from rnnsweep.cells.base import AbstractCell
from rnnsweep.kernels import Execution
from rnnsweep.kernels.memory import keep_freed

CONF = Path(__file__).parent.parent / "conf"
SIZES = "32x64x128,64x128x256"


def made(name: str, width: int) -> AbstractCell:
    """The cell of a YAML with `width` inputs and features."""
    with initialize_config_dir(str(CONF)):
        config = compose("config", [f"cell={name}", f"cell.hidden_size={width}"])
    plain: Any = OmegaConf.to_container(config, resolve=False)
    plain, classes = run.validated(plain | {"choices": {"cell": name}})
    cell: AbstractCell = classes["cell"](width, **run.settings(plain, "cell"))
    return cell.train()


def step(cell: AbstractCell, size: tuple[int, int, int], how: Execution) -> Step:
    batch, time, width = size
    x, dy = torch.randn(batch, time, width, requires_grad=True), torch.randn(batch, time, cell.hidden_size)

    def once() -> object:
        with kernels.executing(how):
            return torch.autograd.grad(cell(x, ())[0], [x, *cell.parameters()], dy)

    return once


def executions(cell: AbstractCell) -> list[Execution]:
    every: list[Execution] = ["library", "fused", "scan"]
    return [how for how in every if cell.runs_as(how) == how] or ["scan"]


def compare(name: str, size: tuple[int, int, int], number: int) -> None:
    width = size[2]
    cell, reference = made(name, width), nn.LSTM(width, width, batch_first=True)
    steps: dict[str, Step] = {how: step(cell, size, how) for how in executions(cell)}
    taken = rounds(steps | {"torch": torch_step(reference, (*size[:2], width, width))}, number)
    ratios = {how: [a / b for a, b in zip(taken[how], taken["torch"], strict=True)] for how in steps}
    middle = {how: statistics.median(each) for how, each in ratios.items()}
    best = min(middle, key=lambda how: middle[how])
    others = ", ".join(f"{how} {ratio:.2f}" for how, ratio in middle.items() if how != best)
    spread = f"{min(ratios[best]):.2f} to {max(ratios[best]):.2f}"
    parameters = sum(p.numel() for p in cell.parameters()) / sum(p.numel() for p in reference.parameters())
    times = f"{1e3 * min(taken[best]):.1f} | {1e3 * min(taken['torch']):.1f}"
    shape = ", ".join(map(str, size))
    print(
        f"| {name} | {shape} | {parameters:.2f} | {best} | {times} | {middle[best]:.2f} ({spread}) | {others} |",
        flush=True,
    )


def main() -> None:
    every = ",".join(sorted(path.stem for path in (CONF / "cell").glob("*.yaml")))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=every)
    parser.add_argument("--sizes", default=SIZES, help="batch x time x hidden, separated by commas")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    keep_freed()
    print(f"torch {torch.__version__}, {options.threads} thread(s), {options.rounds} rounds\n")
    print("| cell | B, T, H | parameters / LSTM's | fastest | ms | nn.LSTM ms | ratio | other executions |")
    print("|---|---|---|---|---|---|---|---|")
    for size in options.sizes.split(","):
        batch, time, hidden = map(int, size.split("x"))
        for name in options.cells.split(","):
            compare(name, (batch, time, hidden), options.rounds)


if __name__ == "__main__":
    main()
