"""What a CUDA device has to do as a CPU does: `pytest -m gpu`.

Without a CUDA device all of it is skipped. `RNNSWEEP_GPU_TESTS=cpu pytest -m gpu` runs it on the CPU, which checks the
tests themselves.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TIMES, Compose, choices

from rnnsweep import run
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.record import RunStore
from rnnsweep.run import PreparedRun
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import Worker
from rnnsweep.train import Observer, Trainer

DEVICE = os.environ.get("RNNSWEEP_GPU_TESTS", "cuda")
WHY = "needs a CUDA device; RNNSWEEP_GPU_TESTS=cpu checks the tests on the CPU"
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason=WHY)]

SMALL = {"examples": 300, "held_out": 60, "seq_len": 12, "samples": 3, "max_len": 12, "min_len": 2, "sample_length": 5}
STEPS = ("train.steps=6", "train.eval_every=3", "train.log_every=3", "train.batch_size=8", "cell.hidden_size=16")
CLOSE = {"rel": 2e-2, "abs": 1e-3}
"""How far losses of six steps may lie apart: cuDNN and TF32 round in their own ways."""


def small(composed: Compose, *overrides: str) -> PreparedRun:
    """A run with little data."""
    (task,) = (word.partition("=")[2] for word in overrides if word.startswith("task="))
    fields = composed(f"task={task}")["task"]
    sizes = [f"task.{key}={value}" for key, value in SMALL.items() if key in fields]
    return run.prepare(composed(*STEPS, *sizes, f"train.device={DEVICE}", *overrides))


class StopAt(Observer):
    """Asks for a stop after a step."""

    def __init__(self, stop: StopRequest, step: int):
        self.stop, self.step = stop, step

    def stepped(self, step: int) -> None:
        if step == self.step:
            self.stop.signum = 15


def trained(runs: Sequence[PreparedRun], folder: Path, stop_at: int = -1) -> list[RunStore]:
    """Trains the runs as one stack; stops after a step where one is given."""
    stores, stop = [RunStore(folder / each.id) for each in runs], StopRequest()
    for store in stores:
        assert store.claim()
    try:
        run.execute(list(zip(runs, stores, strict=True)), StopAt(stop, stop_at), stop)
    except Interrupted:
        assert stop_at > 0
    finally:
        for store in stores:
            store.release()
    return stores


def losses(store: RunStore) -> list[float]:
    return [row["loss"] for row in store.rows()]


def metrics(store: RunStore) -> dict[str, Any]:
    record = store.record()
    assert record is not None
    assert record.status == "complete"
    return {name: value for name, value in record.best.items() if name.split("/")[-1] not in TIMES}


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru", "transformer"])
@pytest.mark.parametrize("task", choices("task"))
def test_every_task_trains_with_the_usual_cells(task: str, cell: str, composed: Compose, tmp_path: Path) -> None:
    (store,) = trained([small(composed, f"task={task}", f"cell={cell}")], tmp_path)
    assert metrics(store)
    record = store.record()
    assert record is not None
    assert record.environment["device"] != "cpu" or DEVICE == "cpu"


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_stack_trains_as_its_members_alone(cell: str, composed: Compose, tmp_path: Path) -> None:
    seeds = [small(composed, "task=charlm", f"cell={cell}", f"seed={seed}") for seed in range(3)]
    stacked = trained(seeds, tmp_path / "stack")
    for each, store in zip(seeds, stacked, strict=True):
        (alone,) = trained([each], tmp_path / "alone")
        assert losses(store) == pytest.approx(losses(alone), **CLOSE)


@pytest.mark.parametrize("count", [1, 3])
def test_it_goes_on_from_a_checkpoint(count: int, composed: Compose, tmp_path: Path) -> None:
    seeds = [small(composed, "task=charlm", "cell=gru", f"seed={seed}") for seed in range(count)]
    whole = trained(seeds, tmp_path / "whole")
    trained(seeds, tmp_path / "cut", stop_at=4)
    for one, other in zip(whole, trained(seeds, tmp_path / "cut"), strict=True):
        assert losses(one) == pytest.approx(losses(other), **CLOSE)


@pytest.mark.skipif(DEVICE == "cpu", reason="mixed precision needs CUDA")
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "transformer"])
def test_bfloat16_trains_alone_and_stacked(cell: str, composed: Compose, tmp_path: Path) -> None:
    seeds = [small(composed, "task=charlm", f"cell={cell}", "train.precision=bfloat16", f"seed={s}") for s in (0, 1)]
    for store in (*trained(seeds, tmp_path / "stack"), *trained(seeds[:1], tmp_path / "alone")):
        assert metrics(store)


def test_a_stack_without_room_is_halved(composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device says that it has no memory for more than two members; all of them are trained."""
    prepared = [small(composed, "task=parity", "cell=gru", f"seed={seed}") for seed in range(4)]
    plan = Plan(
        tmp_path, [Planned(each.id, each.signature, each.config, [], fingerprint=each.fingerprint) for each in prepared]
    )
    step, sizes = Trainer.advance, []

    def advance(trainer: Trainer) -> None:
        sizes.append(len(trainer.members))
        if len(trainer.members) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        step(trainer)

    monkeypatch.setattr(Trainer, "advance", advance)
    plan.save()
    Worker(plan, WorkOptions(4, 1), StopRequest()).work()
    assert {record.status for record in plan.records().values()} == {"complete"}
    assert max(sizes) == 4
