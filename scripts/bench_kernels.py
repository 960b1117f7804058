"""The fused kernel against torch's own and against the product limit, forward and backward, alternating in one process.

    python scripts/bench_kernels.py [--threads 1] [--rounds 9] [--members 16] [--small] [--step]

One layer, gradients of the inputs and all weights. The limit is the time in which the machine does the layer's
operations (two for a multiply-add, three times the forward) as products of 1024 x 1024 matrices, measured beside it.
`alone` is one model as nn.GRU would be called, Python's part included; `in a stack` is a member's share of a stack of
`--members`. Times are the shortest of the rounds, which other processes on the machine disturb least; ratios are of
these, with the median of the rounds' own ratios after them. `--step` compares whole training steps of such a stack
(parity: embedding, recurrence, head, loss, clipping, AdamW) with a bare torch loop.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from rnnsweep import kernels, run
from rnnsweep.cells.base import RecurrentCell
from rnnsweep.cells.gru import GRU
from rnnsweep.cells.lstm import LSTM
from rnnsweep.cells.rnn import RNN
from rnnsweep.interrupt import StopRequest
from rnnsweep.kernels.memory import keep_freed
from rnnsweep.record import RunStore
from rnnsweep.train import Observer, Trainer

SIZES = ((32, 20, 32, 32), (32, 20, 32, 64), (32, 64, 64, 128), (64, 128, 128, 256))  # batch, time, in, hidden
CELLS: dict[str, tuple[type[RecurrentCell], type[nn.RNNBase], int]] = {
    "gru": (GRU, nn.GRU, 3),
    "rnn": (RNN, nn.RNN, 1),
    "lstm": (LSTM, nn.LSTM, 4),
}
Step = Callable[[], object]


def seconds(step: Step, least: float) -> float:
    """Of one call, over as many as fill `least` seconds."""
    count, start = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - start < least:
        step()
        count += 1
    return (time.perf_counter() - start) / count


def rounds(steps: dict[str, Step], number: int) -> dict[str, list[float]]:
    """The times of each step, in turn."""
    for step in steps.values():
        step()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(number):
        for name, step in steps.items():
            taken[name].append(seconds(step, 0.1))
    return taken


def fused_step(cell: RecurrentCell, size: tuple[int, int, int, int], members: int) -> Step:
    """Forward and backward of a layer of `members` models; 0: of one, outside of any stack."""
    batch, length, width, hidden = size
    lead = (members,) if members else ()
    x, dy = torch.randn(*lead, batch, length, width, requires_grad=True), torch.randn(*lead, batch, length, hidden)
    weights = [p.detach().expand(*lead, *p.shape).clone().requires_grad_() for p in cell.parameters()]
    names = [name for name, _ in cell.named_parameters()]

    def one(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        y, _ = torch.func.functional_call(cell, dict(zip(names, weights, strict=True)), (x, ()))
        return y  # type: ignore[no-any-return]

    def step() -> object:
        with kernels.executing("fused"):
            y = torch.func.vmap(one)(x, *weights)
        return torch.autograd.grad(y, [x, *weights], dy)

    def alone() -> object:
        with kernels.executing("fused"):
            return torch.autograd.grad(cell(x)[0], [x, *cell.parameters()], dy)

    return step if members else alone


def torch_step(cell: nn.RNNBase, size: tuple[int, int, int, int]) -> Step:
    batch, length, width, hidden = size
    x, dy = torch.randn(batch, length, width, requires_grad=True), torch.randn(batch, length, hidden)
    weights = list(cell.parameters())
    return lambda: torch.autograd.grad(cell(x)[0], [x, *weights], dy)


def compare(name: str, size: tuple[int, int, int, int], members: int, number: int) -> None:
    batch, length, width, hidden = size
    ours, theirs, gates = CELLS[name]
    left = torch.randn(1024, 1024)
    cell = ours(width, hidden_size=hidden)
    steps = {
        "alone": fused_step(cell, size, 0),
        "stack": fused_step(cell, size, members),
        "torch": torch_step(theirs(width, hidden, batch_first=True), size),
        "product": lambda: left @ left,
    }
    taken = rounds(steps, number)
    taken["stack"] = [each / members for each in taken["stack"]]
    operations = 6 * batch * length * gates * hidden * (width + hidden)
    taken["limit"] = [each * operations / (2 * 1024**3) for each in taken.pop("product")]
    best = {which: 1e3 * min(times) for which, times in taken.items()}

    def ratio(above: str, below: str) -> str:
        middle = statistics.median(a / b for a, b in zip(taken[above], taken[below], strict=True))
        return f"{best[above] / best[below]:.2f} ({middle:.2f})"

    shape = ", ".join(map(str, size))
    times = " | ".join(f"{best[which]:.2f}" for which in ("limit", "torch", "alone", "stack"))
    ratios = " | ".join(ratio(*pair) for pair in (("torch", "alone"), ("torch", "stack"), ("stack", "limit")))
    print(f"| {name} | {shape} | {times} | {ratios} |", flush=True)


def stack(name: str, members: int, kernel: str) -> Trainer:
    def config(seed: int) -> dict[str, object]:
        cell = {"_target_": f"rnnsweep.cells.{name}.{name.upper()}", "hidden_size": 32}
        train = {"steps": 10**6, "schedule": "constant", "kernel": kernel}
        groups = {"task": {"_target_": "rnnsweep.tasks.parity.Parity"}, "cell": cell, "train": train}
        groups |= {"pooling": {"_target_": "rnnsweep.pooling.Last"}, "optimizer": {"_target_": "rnnsweep.optim.AdamW"}}
        return groups | {"seed": seed, "choices": {"task": "parity", "cell": name}}

    runs = [run.prepare(config(seed)) for seed in range(members)]
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        return Trainer([run.make_member(r, store) for r in runs], torch.device("cpu"), Observer(), StopRequest())


def bare(name: str) -> Step:
    """A step of the loop that one would write by hand."""
    bits = torch.randint(0, 2, (12000, 20))
    odd, embedding, head = bits.cumsum(1) % 2, nn.Embedding(2, 32), nn.Linear(32, 2)
    network = CELLS[name][1](32, 32, batch_first=True)
    parameters = [*embedding.parameters(), *network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)

    def step() -> None:
        chosen = torch.randint(0, 10000, (32,))
        loss = F.cross_entropy(head(network(embedding(bits[chosen]))[0]).flatten(0, 1), odd[chosen].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def compare_steps(members: int, number: int) -> None:
    print(f"\n| step of {members} | bare ms | fused ms a member | bare / fused | bare / scan | bare / fused alone |")
    print("|---|---|---|---|---|---|")
    for name in CELLS:
        steps = {"bare": bare(name), "fused": stack(name, members, "fused").advance}
        steps |= {"scan": stack(name, members, "scan").advance, "alone": stack(name, 1, "fused").advance}
        taken = rounds(steps, number)
        taken["fused"], taken["scan"] = ([each / members for each in taken[which]] for which in ("fused", "scan"))
        ratios = [
            statistics.median(a / b for a, b in zip(taken["bare"], taken[which], strict=True))
            for which in ("fused", "scan", "alone")
        ]
        times = " | ".join(f"{1e3 * statistics.median(taken[which]):.2f}" for which in ("bare", "fused"))
        print(f"| {name} | {times} | " + " | ".join(f"{each:.2f}" for each in ratios) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--small", action="store_true", help="hidden sizes of 32 and 64 only")
    parser.add_argument("--step", action="store_true", help="whole training steps only")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed()
    print(f"torch {torch.__version__}, {options.threads} thread(s), {options.rounds} rounds\n")
    if not options.step:
        head = f"| limit ms | torch ms | alone ms | in a stack of {options.members} ms | torch / alone | torch / stack"
        print(f"| cell | B, T, in, H {head} | stack / limit |\n|---|---|---|---|---|---|---|---|---|")
        for size in SIZES[:2] if options.small else SIZES:
            for name in CELLS:
                compare(name, size, options.members if size[3] < 256 else 4, options.rounds)
    compare_steps(options.members, options.rounds)


if __name__ == "__main__":
    main()
