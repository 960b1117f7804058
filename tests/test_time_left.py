"""The time left of a sweep, and the line that says that its steps have become slow."""

import dataclasses
import time
from pathlib import Path

import pytest

from rnnsweep.planned import Planned, WorkerStatus
from rnnsweep.record import RunRecord
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.status_file import RECENT, StatusFile
from rnnsweep.sweep.time_left import seconds_left
from rnnsweep.sweep.view import Progress, View


def runs(*shapes: str) -> list[Planned]:
    return [Planned(f"run-{number}", shape, {}, []) for number, shape in enumerate(shapes)]


def ended(run: str, seconds: float) -> dict[str, RunRecord]:
    config: dict[str, object] = {"seed": 0, "choices": {"task": "charlm"}}
    return {run: RunRecord(run, "complete", {}, {}, 1, 9.0, 100, config, {}, share_seconds=seconds)}


def worker(*names: str, step: int, seconds: float, steps: int = 100, began_at: int = 0) -> WorkerStatus:
    return WorkerStatus(1, time.time(), list(names), step, steps, began_at, seconds)


def test_nothing_is_said_before_something_was_trained() -> None:
    assert seconds_left(runs("a", "a"), {}, [worker("run-0", step=0, seconds=0.0)]) is None
    assert seconds_left(runs("a", "a"), ended("run-0", 4.0), []) is None  # nobody works on it


def test_a_worker_that_waits_has_nothing_in_hand() -> None:
    waits = worker(step=80, seconds=8.0)  # the steps are those of its last stack
    assert seconds_left(runs("a", "a"), {}, [waits]) is None
    assert seconds_left(runs("a", "a"), ended("run-0", 4.0), [waits]) == 4


def test_runs_cost_what_those_of_their_shape_have_cost() -> None:
    plan = runs("small", "small", "large", "large")
    known = ended("run-0", 1.0) | ended("run-2", 9.0)
    idle = worker(step=0, seconds=0.0)
    assert seconds_left(plan, known, [idle]) == pytest.approx(1 + 9)
    assert seconds_left(plan, known, [idle, idle]) == pytest.approx(5)
    assert seconds_left(plan, known, [idle] * 9) == pytest.approx(5)  # two runs, two workers


def test_a_shape_that_nobody_trained_yet_costs_the_mean() -> None:
    assert (
        seconds_left(runs("a", "b", "c"), ended("run-0", 2.0) | ended("run-1", 4.0), [worker(step=0, seconds=0)]) == 3
    )


def test_a_shape_that_nobody_trained_yet_costs_what_was_measured_as_far_as_that_was_right() -> None:
    """A run of shape a took 6 s where 2 s were measured; one of b was measured to take 10 s, and c was not."""
    idle = dataclasses.replace(worker(step=0, seconds=0.0), costs={"a": 2.0, "b": 10.0})
    assert seconds_left(runs("a", "b"), ended("run-0", 6.0), [idle]) == pytest.approx(30)
    assert seconds_left(runs("a", "b", "c"), ended("run-0", 6.0), [idle]) == pytest.approx(30 + 6)
    unlike = dataclasses.replace(idle, costs={"b": 10.0})
    assert seconds_left(runs("a", "b"), ended("run-0", 6.0), [unlike]) == pytest.approx(10)


@pytest.mark.parametrize("step", [1, 30, 99])
def test_the_steps_of_the_runs_in_hand_count(step: int) -> None:
    stack = worker("run-0", "run-1", step=step, seconds=0.1 * step)  # 100 steps take 10 s, so a run takes 5 s
    assert seconds_left(runs("a", "a", "a"), {}, [stack]) == pytest.approx(15 - 0.1 * step)


def test_a_continued_stack_counts_from_where_it_went_on() -> None:
    stack = worker("run-0", step=60, seconds=5.0, began_at=50)  # 10 steps took 5 s, 40 are left
    assert seconds_left(runs("a"), {}, [stack]) == pytest.approx(20)


def test_the_last_stack_is_waited_for_whatever_the_number_of_workers() -> None:
    stack = worker("run-0", "run-1", step=50, seconds=50.0)
    assert seconds_left(runs("a", "a"), {}, [stack, worker(step=0, seconds=0.0)]) == pytest.approx(50)


def test_a_step_is_compared_with_the_measured_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    status = StatusFile(tmp_path)
    status.expected = 0.1
    status.write(runs=["run-0"])
    status.started(7, 1000)
    for step in range(RECENT):
        assert status.state["slowdown"] is None
        now += 0.3 if step % 5 else 30.0  # a validation now and then
        status.stepped(8 + step)
    assert status.state["slowdown"] == pytest.approx(3)
    assert (status.state["began_at"], status.state["seconds"]) == (8, pytest.approx(now - 30.0))  # without the first
    status.started(0, 1000)
    assert status.state["slowdown"] is None


def test_the_first_step_which_compiles_tells_nothing_of_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    status = StatusFile(tmp_path)
    status.write(runs=["run-0"])
    status.started(7, 107)
    for step, seconds, left in ((8, 15.0, None), (9, 0.1, 9.8), (10, 0.1, 9.7)):
        now += seconds
        status.stepped(step)
        known = {name: value for name, value in status.state.items() if name != "failed"}
        assert seconds_left(runs("a"), {}, [WorkerStatus(**known)]) == (left and pytest.approx(left))


def test_a_line_is_not_said_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(tmp_path, runs("a", "b"))
    progress = Progress(plan)
    view = View(progress)
    for done in (False, False, True, True):
        if done:
            progress.records |= ended("run-0", 4.0)
        view.shown_at = -1e9
        view.refresh()
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()] == ["0/2 runs", "1/2 runs"]


def test_slow_steps_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(tmp_path, runs("a"))
    status = StatusFile(tmp_path)
    view = View(Progress(plan))
    for slowdown in (None, 1.9, 3.14, 5.0):
        status.write(runs=["run-0"], slowdown=slowdown)
        view.shown_at = -1e9
        view.refresh()
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("slow")]
    assert len(said) == 1
    assert "3.1 times" in said[0]
    assert "hydra.sweeper.workers=1" in said[0]
