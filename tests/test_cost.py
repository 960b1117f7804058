"""What `hydra.sweeper.plan=true` says that a sweep takes."""

import os
import tempfile
import time
from pathlib import Path

import pytest
from conftest import Compose

from rnnsweep import cores, run
from rnnsweep.run import PreparedRun
from rnnsweep.sweep import cost, estimate, load, run_cost
from rnnsweep.sweep.estimate import Estimate
from rnnsweep.sweep.load import Load
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.probe import copies
from rnnsweep.sweep.run_cost import RunCost
from rnnsweep.types import Batch

SHORT = ("task=parity", "task.examples=100", "task.held_out=20", "train.batch_size=10", "cell=rnn")


class Quiet(Load):
    """A machine on which other programs use so many cores."""

    def __init__(self, busy: float = 0.0):
        super().__init__()
        self.busy = busy

    def others(self) -> float:
        return self.busy


@pytest.mark.parametrize(("points", "seconds"), [(0, 26), (10, 29)])
def test_a_plan_counts_steps_evaluations_and_the_start(
    points: int, seconds: int, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run: 100 steps of 0.2 s; 4 validations, a test and a slice of the training part of 1 s each: 26 s.

    Three more validations only draw the curve: those after 15, 45 and 75 steps.
    """
    shared: list[int] = []

    def measured(first: PreparedRun, available: int, *_: object) -> RunCost:
        shared.append(available)
        epoch = first.task.steps_per_epoch
        return RunCost(available, 0.2, 1.0, first.train.total_steps(epoch), first.train.validations(epoch))

    monkeypatch.setattr(cost, "measured", measured)
    length = ("train.steps=100", "train.eval_every=30", f"train.curve_points={points}")
    shapes = [composed(*SHORT, *length, f"seed={seed}") for seed in range(4)]
    runs = [Planned(r.id, r.signature, r.config, []) for r in map(run.identify, shapes)]
    lines = list(cost.forecast([Plan(tmp_path, runs)], "auto", Estimate(2, 4.0, Quiet())))
    assert shared == [2], "each of two workers takes half of the runs"
    assert f" {seconds} s " in lines[2]
    assert f"about {4.0 * estimate.FIRST_STEP + 4 * seconds / 2:.0f} s with 2 workers" in lines[3]


def test_a_part_of_a_run_has_its_part_of_the_validations() -> None:
    each = RunCost(size=4, step=0.2, validation=1.0, steps=90, validations=9)
    assert each.whole == pytest.approx(90 * 0.2 + 9 + 2)
    assert each.part(30) + each.part(60) + each.end == pytest.approx(each.whole)


def test_measuring_a_run_leaves_no_files(composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    each = run_cost.measured(run.identify(composed(*SHORT)), 8, 2, tmp_path)
    assert (each.size, each.step > 0, each.validation > 0) == (2, True, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("held_out", "seconds", "measured"), [(20, 0.02, 20), (700, 0.02, 200), (2000, 0.002, 800), (2000, 0.0001, 2000)]
)
def test_of_a_long_validation_a_part_is_measured(
    held_out: int, seconds: float, measured: int, composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example takes so many seconds. 1, 4, 16, … batches of 200 are tried until a second has passed."""
    now, tried = 0.0, list[int]()

    def evaluated(_stack: object, _tasks: object, parts: list[list[Batch]], _own: object) -> None:
        nonlocal now
        tried.append(sum(len(batch["inputs"]) for batch in parts[0]))
        now += seconds * tried[-1]

    monkeypatch.setattr(run_cost, "evaluate", evaluated)
    settings = "task=parity", "task.examples=100", f"task.held_out={held_out}", "train.batch_size=10", "cell=rnn"
    with copies(run.identify(composed(*settings)), 2) as trainer:
        found = run_cost.validation_seconds(trainer, lambda: now)
    assert tried[-1] == measured
    assert found == pytest.approx(held_out * seconds)


@pytest.mark.parametrize(
    ("bound", "quota", "busy", "workers", "share"),
    [
        (2, 2, 0.0, 2, 1.0),
        (2, 2, 1.0, 2, 2 / 3),  # three programs on two cores
        (2, 2, 1.0, 1, 1.0),
        (2, 2, 2.0, 4, 1 / 3),
        (8, 8, 1.0, 2, 1.0),
        (64, 2, 1.0, 8, 1 / 4),  # a container with two of 64 cores
    ],
)
def test_workers_share_the_cores_with_other_programs(
    bound: int, quota: int, busy: float, workers: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "bound", lambda: set(range(bound)))
    monkeypatch.setattr(cores, "cores", lambda: quota)
    assert Quiet(busy).share(workers) == pytest.approx(share)
    assert Estimate(workers, 2.0, Quiet(busy)).seconds(60.0) == pytest.approx(3.0 + 60.0 / workers / share)


def test_a_plan_says_that_the_machine_is_busy() -> None:
    assert "busy" not in Estimate(2, 1.0, Quiet(0.05)).said(60.0)
    assert Estimate(2, 1.0, Quiet(1.3)).said(60.0).endswith("; other programs keep 1.3 cores busy")


@pytest.mark.skipif(not load.COUNTS.exists(), reason="this system does not say how busy its cores are")
def test_what_others_use_is_what_is_busy_without_this_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In ten seconds two cores were busy for 16 s, of which this program used 5 and one that gives way to it 3."""
    counts, now, own = tmp_path / "stat", [100.0], [7.0]
    monkeypatch.setattr(load, "COUNTS", counts)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(os, "times", lambda: os.times_result((own[0], 0.0, 0.0, 0.0, 0.0)))
    first, other = "cpu0 500 10 20 9000 5 1 2 3 0 0", "cpu1 9 9 9 9 9 9 9 9 0 0"
    counts.write_text(f"cpu 9 9 9 9\n{first}\n{other}\ncpu2 0 0 0 0 0 0 0 0 0 0\n")
    seen = Load()
    now[0], own[0] = 110.0, 12.0
    first, other = "cpu0 1200 210 120 9000 5 1 2 103 0 0", "cpu1 99999 9 9 9 9 9 9 9 0 0"
    counts.write_text(f"cpu 9 9 9 9\n{first}\n{other}\ncpu2 300 100 100 7 7 0 0 0 0 0\n")
    assert seen.others() == pytest.approx((7 + 1 + 1 + 3 + 1 - 5) / 10)
    counts.unlink()
    monkeypatch.setattr(load, "COUNTS", tmp_path / "none")
    assert Load().others() == 0.0
