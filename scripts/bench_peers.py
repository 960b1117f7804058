"""A sweep of small runs against what people use today: the same model, data and settings, one command each.

    python scripts/bench_peers.py [--runs 96] [--rounds 1] [--peers loop,joblib,…] [--task charlm] [--out table.md]

The reference sweep: parity at each step, length 20, batch 32, 500 steps; rnn, gru, lstm of hidden size 32; four
learning rates, clipping off and at 1.0, four seeds: 96 runs. `--runs` takes 3, 6, 12 or a multiple of 24 of it.
`--task charlm` is a sweep of language models at hidden size 256, windows of 128, 40 steps, 12 runs unless said.

| peer | what |
|---|---|
| `stacked` | this project as it comes: one worker a core, stacks as its probe says |
| `solo` | the same with `hydra.sweeper.stack=1` |
| `loop` | a bare torch loop over the grid, in one process |
| `optuna` | Optuna's GridSampler and `optimize` around the bare loop |
| `basic` · `joblib` | Hydra's launchers over a plain script, joblib with two jobs |
| `lightning` | the model as a LightningModule with its Trainer's defaults, under Hydra's basic launcher |
| `ray` | Ray Tune, two trials at a time, a core each, actors reused |

The peers are the scripts in scripts/peers, with the threads that torch, joblib and Ray give them, torch's own kernels
and AdamW as it comes. Ours also writes checkpoints, metrics and records, and starts from its own initial weights.

Each round runs every command once, in turn; before the first, each trains three short runs that are not counted, so
that all programs have been read from the disk and what Numba compiles is in its cache. Printed are medians over the
rounds with the smallest and the largest: milliseconds of a training step after the first (the median over a cell's
runs; of a stack's step, a run's share); runs an hour by the wall time of the whole command; by what factor `stacked`
is faster; the peak of the memory of all its processes together, shared pages counted once (PSS, looked at twice a
second; Linux); and the median validation loss, by which one sees that all did the same work.
"""

import argparse
import contextlib
import ctypes
import dataclasses
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnsweep import system

PEERS = Path(__file__).parent / "peers"
CELLS = ("rnn", "gru", "lstm")
MIB = 2**20

Grid = dict[str, list[Any]]


@dataclasses.dataclass(frozen=True)
class Reference:
    """One setting for all: what is trained, as our overrides say it, and what the sweep varies."""

    task: str
    steps: int
    tokens: int
    """Of a batch."""
    rates: tuple[float, ...]
    clips: tuple[float | None, ...]
    runs: int
    overrides: str

    def grid(self, runs: int) -> Grid:
        """The first `runs` of the sweep: learning rates before clipping before seeds.

        Raises:
            ValueError: they are no whole product.
        """
        rates = min(runs // len(CELLS), len(self.rates))
        clips = min(runs // (len(CELLS) * rates), len(self.clips)) if rates else 0
        seeds = runs // (len(CELLS) * rates * clips) if clips else 0
        if runs < 1 or len(CELLS) * rates * clips * seeds != runs:
            few = ", ".join(str(len(CELLS) * count) for count in range(1, len(self.rates) + 1))
            whole = len(CELLS) * len(self.rates) * len(self.clips)
            raise ValueError(f"{runs} runs are no whole grid; take {few}, or a multiple of {whole}")
        return {
            "cell": list(CELLS),
            "lr": list(self.rates[:rates]),
            "clip": list(self.clips[:clips]),
            "seed": list(range(seeds)),
        }


EQUAL = "train.batch_size=32 train.schedule=constant train.warmup=0 optimizer.weight_decay=.01 optimizer.beta2=.999"
REFERENCES = {
    "parity": Reference(
        "parity",
        steps=500,
        tokens=32 * 20,
        rates=(3e-4, 1e-3, 3e-3, 1e-2),
        clips=(None, 1.0),
        runs=96,
        overrides=f"{EQUAL} task.seq_len=20 cell.hidden_size=32",
    ),
    "charlm": Reference(
        "charlm",
        steps=40,
        tokens=32 * 128,
        rates=(1e-3, 3e-3),
        clips=(1.0,),
        runs=12,
        overrides=f"{EQUAL} task.seq_len=128 task.carry_state=false task.embedding_dropout=0 task.output_dropout=0"
        " task.sample_length=0 cell.hidden_size=256",
    ),
}

NEEDS: dict[str, tuple[str, ...]] = {
    "stacked": (),
    "solo": (),
    "loop": (),
    "optuna": (),
    "basic": (),
    "joblib": ("hydra_plugins.hydra_joblib_launcher",),
    "lightning": ("lightning",),
    "ray": ("ray", "pyarrow", "tensorboardX"),  # the last two come with ray[tune]
}
"""The peers, in the order in which they run, and the modules that each takes."""


def command(peer: str, reference: Reference, grid: Grid, steps: int) -> list[str]:
    """What a user would type."""
    if peer in ("stacked", "solo"):
        names = {"lr": "optimizer.lr", "clip": "train.clip"}
        once = [f"train.eval_every={steps}", "train.curve_points=0"]  # one validation, as each peer's script has
        length = [f"task={reference.task}", f"train.steps={steps}", *once]
        ours = [sys.executable, "-m", "rnnsweep", *_swept(grid, names), *length, *reference.overrides.split()]
        return [*ours, "hydra.sweeper.stack=1"] if peer == "solo" else ours
    scripts = {"loop": "loop.py", "optuna": "optuna_grid.py", "ray": "ray_tune.py"}
    if peer in scripts:
        return [sys.executable, str(PEERS / scripts[peer]), reference.task, str(steps), json.dumps(grid)]
    job = [sys.executable, str(PEERS / "hydra_job.py"), *_swept(grid, {}), f"task={reference.task}", f"steps={steps}"]
    launcher = {"joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]}.get(peer, ["hydra/launcher=basic"])
    return [*job, *launcher, f"trainer={'lightning' if peer == 'lightning' else 'plain'}"]


def _swept(grid: Grid, names: dict[str, str]) -> list[str]:
    """The grid in Hydra's grammar."""
    values = {key: ",".join("null" if value is None else str(value) for value in grid[key]) for key in grid}
    return ["-m", *(f"{names.get(key, key)}={value}" for key, value in values.items())]


# One command -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Measured:
    """One command, from its start to its end."""

    seconds: float
    memory: float | None
    """Bytes."""
    ms: dict[str, float]
    """A step's milliseconds, by cell."""
    loss: float


def measure(peer: str, reference: Reference, grid: Grid, steps: int) -> Measured:
    """Runs a peer's command in a fresh folder, which is removed with all that it started."""
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        meter = Meter()
        meter.start()
        try:
            with open(Path(folder, "output.txt"), "w") as output:
                start = time.perf_counter()
                todo = command(peer, reference, grid, steps)
                done = subprocess.run(todo, cwd=folder, stdout=output, stderr=output, env=_environment(), check=False)
                seconds = time.perf_counter() - start
        finally:
            memory = meter.end()
            _end_all()
        if done.returncode:
            raise SystemExit(f"{peer} failed:\n{Path(folder, 'output.txt').read_text()[-4000:]}")
        results = _ours(Path(folder), reference) if peer in ("stacked", "solo") else _theirs(Path(folder))
    if len(results) != (runs := math.prod(map(len, grid.values()))):
        raise SystemExit(f"{peer} left {len(results)} results of {runs} runs")
    ms = {cell: statistics.median(result["ms"] for result in results if result["cell"] == cell) for cell in CELLS}
    return Measured(seconds, memory, ms, statistics.median(result["loss"] for result in results))


def _environment() -> dict[str, str]:
    return os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}  # it would otherwise call home


def _theirs(folder: Path) -> list[dict[str, Any]]:
    """What each run left: its cell, validation loss and milliseconds a step. Ray Tune writes such files by itself."""
    return [json.loads(path.read_text().splitlines()[-1]) for path in folder.glob("runs/**/result.json")]


def _ours(folder: Path, reference: Reference) -> list[dict[str, Any]]:
    """The same from our records and the train rows beside them, which leave validation out of the speed."""
    results = []
    for path in folder.glob("multirun/*/*/record.json"):
        record = json.loads(path.read_text())
        rows = map(json.loads, path.with_name("metrics.jsonl").read_text().splitlines())
        speeds = [row["tokens_per_second"] for row in rows if row["split"] == "train"]
        share = 1e3 * reference.tokens / statistics.median(speeds) / record["environment"]["stack"]
        cell = record["config"]["choices"]["cell"]
        results.append({"cell": cell, "loss": record["metrics"]["val/loss"], "ms": share})
    return results


# Processes and their memory ----------------------------------------------------------------------------------


class Meter(threading.Thread):
    """Looks twice a second at the memory of all processes below this one; the peak at the end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.over = 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.5):
            self.peak = max(self.peak, sum(map(_proportional, _below(os.getpid()))))

    def end(self) -> float | None:
        """Bytes; None where the system does not say, or nothing lived long enough."""
        self.over.set()
        self.join()
        return self.peak or None


def _proportional(pid: int) -> int:
    """A process's bytes in memory, of what it shares with others its part; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _below(root: int) -> list[int]:
    """The processes that `root` started, and those that they did, from /proc."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found = list(children.get(root, []))
    for pid in found:
        found += children.get(pid, [])
    return found


def _end_all() -> None:
    """Stops what a command has left behind."""
    while pids := _below(os.getpid()):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _adopt() -> None:
    """Asks Linux to make this process the parent of what its commands leave behind, so that it can stop it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


# All of them -------------------------------------------------------------------------------------------------


def installed(peers: Sequence[str]) -> list[str]:
    """The peers that are here; of the others it says what brings them."""
    here = []
    for peer in peers:
        missing = [name for name in NEEDS[peer] if importlib.util.find_spec(name) is None]
        if missing:
            extra = "joblib" if peer == "joblib" else "bench"
            print(f"{peer}: skipped, needs {missing[0]}: pip install 'rnnsweep[{extra}]'", file=sys.stderr)
        else:
            here.append(peer)
    return here


def compare(peers: Sequence[str], reference: Reference, runs: int, steps: int, rounds: int) -> str:
    """The table, and a line of what it was measured with."""
    grid, short = reference.grid(runs), reference.grid(len(CELLS))
    for peer in peers:
        _say(f"warming up {peer}")
        measure(peer, reference, short, min(steps, 20))
    times: dict[str, list[Measured]] = {peer: [] for peer in peers}
    for number in range(rounds):
        for peer in peers:
            times[peer].append(measure(peer, reference, grid, steps))
            _say(f"round {number + 1}, {peer}: {times[peer][-1].seconds:.1f} s")
    head = [
        "",
        *(f"ms a step, {cell}" for cell in CELLS),
        "runs an hour",
        "`stacked` is faster by",
        "MiB",
        "validation loss",
    ]
    lines = [head, ["---"] * len(head), *(_row(peer, times, runs) for peer in peers)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{table}\n\n{_setting(reference, runs, steps, rounds)}\n"


def _row(peer: str, times: dict[str, list[Measured]], runs: int) -> list[str]:
    mine = times[peer]
    ratio = [m.seconds / s.seconds for m, s in zip(mine, times.get("stacked", ()), strict=False)]
    memory = [m.memory / MIB for m in mine if m.memory is not None]
    return [
        f"`{peer}`",
        *(_spread([m.ms[cell] for m in mine], ".2f") for cell in CELLS),
        _spread([3600 * runs / m.seconds for m in mine], ".0f"),
        _spread(ratio, ".2f"),
        _spread(memory, ".0f"),
        _spread([m.loss for m in mine], ".4f"),
    ]


def _spread(values: Sequence[float], form: str) -> str:
    """The median, with the smallest and largest where there are several; a dash for nothing."""
    if not values:
        return "–"
    middle, low, high = (format(value, form) for value in (statistics.median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def _setting(reference: Reference, runs: int, steps: int, rounds: int) -> str:
    what = f"{runs} runs of {reference.task}, {steps} steps each, medians of {rounds} round(s)"
    names = ("torch", "numba", "optuna", "hydra-core", "lightning", "ray")
    versions = [f"{name} {version}" for name in names if (version := _version(name))]
    where = f"{os.cpu_count()} cores ({system.processor()}), Python {platform.python_version()}"
    return f"{what}; {where}, {', '.join(versions)}."


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=REFERENCES, default="parity")
    parser.add_argument("--runs", type=int, help="of the sweep; all of it")
    parser.add_argument("--steps", type=int, help="of a run; 500 of parity, 40 of charlm")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", default=",".join(NEEDS))
    parser.add_argument("--out", type=Path, help="a file for the table, which is printed too")
    options = parser.parse_args()
    reference, peers = REFERENCES[options.task], options.peers.split(",")
    runs = reference.runs if options.runs is None else options.runs
    steps = reference.steps if options.steps is None else options.steps
    try:
        reference.grid(runs)
    except ValueError as error:
        parser.error(f"--runs: {error}")
    if unknown := set(peers) - set(NEEDS):
        parser.error(f"--peers: there is no {', '.join(sorted(unknown))}; there are {', '.join(NEEDS)}")
    if steps < 2:
        parser.error("--steps: at least 2, as the first is not timed")
    _adopt()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C does: through the cleaning up
    table = compare(installed(peers), reference, runs, steps, options.rounds)
    print(table, end="")
    if options.out:
        options.out.write_text(table)


if __name__ == "__main__":
    main()
