"""What `hydra.sweeper.plan=true` says that a sweep takes."""

import tempfile
from pathlib import Path

import pytest
from conftest import Compose

from rnnsweep import run
from rnnsweep.run import PreparedRun
from rnnsweep.sweep import cost
from rnnsweep.sweep.plan import Plan, Planned

SHORT = ("task=parity", "task.examples=100", "task.held_out=20", "train.batch_size=10", "cell=rnn")


@pytest.mark.parametrize(("points", "seconds"), [(0, 26), (10, 29)])
def test_a_plan_counts_steps_evaluations_and_the_start(
    points: int, seconds: int, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run: 100 steps of 0.2 s; 4 validations, a test and a slice of the training part of 1 s each: 26 s.

    Three more validations only draw the curve: those after 15, 45 and 75 steps.
    """
    stacks: list[int] = []

    def stack_size(_: PreparedRun, available: int, __: Path) -> int:
        stacks.append(available)
        return available

    monkeypatch.setattr(cost, "stack_size", stack_size)
    monkeypatch.setattr(cost, "seconds_per_step", lambda _, size: 0.2 * size)
    monkeypatch.setattr(cost, "seconds_per_validation", lambda _, size: 1.0 * size)
    length = ("train.steps=100", "train.eval_every=30", f"train.curve_points={points}")
    shapes = [composed(*SHORT, *length, f"seed={seed}") for seed in range(4)]
    runs = [Planned(r.id, r.signature, r.config, []) for r in map(run.identify, shapes)]
    lines = list(cost.forecast([Plan(tmp_path, runs)], workers=2, stack="auto"))
    assert stacks == [2], "each of two workers takes half of the runs"
    assert f" {seconds} s " in lines[2]
    assert f"about {cost.START + 4 * seconds / 2:.0f} s with 2 workers" in lines[3]


def test_measuring_a_validation_leaves_no_files(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cost.seconds_per_validation(run.identify(composed(*SHORT)), 2) > 0
    assert not list(tmp_path.iterdir())
