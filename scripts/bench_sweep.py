"""What a sweep costs beside the training.

    python scripts/bench_sweep.py [--overhead 10000] [--per-run 5]

`--overhead N` times planning N runs, and the same sweep again when all of them are done. `--per-run ROUNDS` is what a
run that is trained costs beside its steps, by one worker: claim, checks, data, model, one validation, one test,
checkpoints, record. It is the wall time of a plan of 64 runs less that within the steps, a run; the median of the
rounds after one that is not counted, with the smallest and the largest, and the same of the processor's time, which
leaves out what waits for the disk. Without options both. How a sweep compares with other tools: scripts/bench_peers.py.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

RUNS = 64


def planned(folder: str, overrides: Sequence[str]) -> Path:
    """The plan of a sweep, written as the sweep writes it; nothing is trained."""
    code = "import sys; from rnnsweep.cli import main; import rnnsweep.sweep.sweeper as s\n"
    code += "s.StudySweeper._launch = lambda *_: None\nmain()"
    subprocess.run([sys.executable, "-c", code, "-m", *overrides], cwd=folder, check=False, capture_output=True)
    (plan,) = Path(folder).glob("multirun/default/.study/plan-*.json")
    return plan


def overhead(count: int) -> None:
    """Planning, and a sweep in which all is done: `count` runs whose records are written here, untrained."""
    from rnnsweep.record import RunRecord, RunStore

    overrides = ["task=parity", f"seed=range({count})"]
    base = [sys.executable, "-m", "rnnsweep", "-m", *overrides]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run([*base, "hydra.sweeper.plan=true", "hydra.sweeper.stack=1"], cwd=folder, check=True)
        planning = time.perf_counter() - start
        plan = planned(folder, overrides)
        for run in json.loads(plan.read_text()):
            store = RunStore(plan.parent.parent / run["id"])
            store.path.mkdir()
            store.finish(RunRecord(run["id"], "complete", {}, {"val/loss": 1.0}, 1, 1.0, 1, run["config"], {}))
        start = time.perf_counter()
        subprocess.run(base, cwd=folder, check=True, capture_output=True)
        again = time.perf_counter() - start
    print(f"planning {count} runs: {planning:.1f} s; the same sweep again: {1e3 * again / count:.2f} ms a run")


def per_run(rounds: int) -> None:
    """What a run costs beside its steps, alone and in stacks."""
    shape = ["task=parity", "cell.hidden_size=32", "train.steps=20", "task.examples=1000", "task.held_out=100"]
    for stack in (1, 16, 64):
        costs = [beside([*shape, f"seed=range({RUNS})"], stack) for _ in range(rounds + 1)][1:]
        told = " and ".join(
            f"{statistics.median(each):.1f} ms ({min(each):.1f} to {max(each):.1f}) of {what}"
            for what, each in zip(("wall time", "processor time"), zip(*costs, strict=True), strict=True)
        )
        print(f"stacks of {stack}: a run of 20 steps costs {told} beside them", flush=True)


def beside(overrides: Sequence[str], stack: int) -> tuple[float, float]:
    """Milliseconds of wall and of processor time a run, without those of the steps."""
    from rnnsweep.interrupt import StopRequest
    from rnnsweep.sweep.plan import Plan
    from rnnsweep.sweep.work_options import WorkOptions
    from rnnsweep.sweep.worker import Worker
    from rnnsweep.train import Trainer

    clocks = time.perf_counter, time.process_time
    within, step = [0.0, 0.0], Trainer.advance

    def timed(trainer: Trainer) -> None:
        before = [clock() for clock in clocks]
        step(trainer)
        for which, clock in enumerate(clocks):
            within[which] += clock() - before[which]

    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Plan.load(planned(folder, overrides)), WorkOptions(stack=stack), StopRequest())
        Trainer.advance = timed  # type: ignore[method-assign]
        try:
            before = [clock() for clock in clocks]
            worker.work()
            whole = [clock() - start for clock, start in zip(clocks, before, strict=True)]
        finally:
            Trainer.advance = step  # type: ignore[method-assign]
    wall, processor = (1e3 * (total - steps) / RUNS for total, steps in zip(whole, within, strict=True))
    return wall, processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--overhead", type=int, metavar="N")
    parser.add_argument("--per-run", type=int, metavar="ROUNDS")
    options = parser.parse_args()
    both = not (options.overhead or options.per_run)
    if options.overhead or both:
        overhead(options.overhead or 10_000)
    if options.per_run or both:
        per_run(options.per_run or 5)


if __name__ == "__main__":
    main()
