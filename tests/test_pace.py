"""The threads of a run, chosen by its steps' times: a simulated machine says how long a step takes."""

from collections.abc import Callable

import pytest
import torch

from rnnsweep import run
from rnnsweep.interrupt import StopRequest
from rnnsweep.kernels import threads
from rnnsweep.record import RunStore
from rnnsweep.train import Observer, Trainer
from rnnsweep.train.pace import GAIN, ROUNDS, WATCHED, Pace

TRIAL = 2 * (ROUNDS + 1)


def used(pace: Pace, seconds: Callable[[int], float], steps: int) -> list[int]:
    """The threads of so many steps; `seconds` says how long one takes with so many threads."""
    taken = []
    for _ in range(steps):
        taken.append(pace.threads)
        pace.heard(seconds(pace.threads))
    return taken


@pytest.mark.parametrize(("gain", "wanted"), [(0.5, 1), (1.0, 1), (GAIN - 0.01, 1), (GAIN + 0.01, 4), (3.0, 4)])
def test_one_thread_unless_more_gain_much(gain: float, wanted: int) -> None:
    pace = Pace(4)
    assert used(pace, lambda count: 1.0 if count == 1 else 1.0 / gain, TRIAL) == [1, 4] * (ROUNDS + 1)
    assert not pace.tries
    assert pace.threads == wanted


def test_the_first_step_with_each_number_does_not_count() -> None:
    pace, first = Pace(4), [100.0, 1000.0]
    used(pace, lambda count: first.pop(0) if first else 1.0 / count, TRIAL)
    assert pace.threads == 4


def test_a_run_that_becomes_slow_goes_down_to_one_thread_and_stays_there() -> None:
    pace = Pace(2)
    used(pace, lambda count: 1.0 / count, 200)
    assert pace.threads == 2
    taken = used(pace, lambda count: 1.0 if count == 1 else 17.0, 200)
    assert taken[WATCHED + TRIAL :] == [1] * (200 - WATCHED - TRIAL)
    assert used(pace, lambda count: 1.0 / count, 200) == [1] * 200


def test_steps_that_have_more_to_do_keep_the_threads_that_gain() -> None:
    """A curriculum: all steps become longer, and threads gain what they did."""
    pace = Pace(2)
    used(pace, lambda count: 1.0 / count, 200)
    assert used(pace, lambda count: 5.0 / count, 200)[-1] == 2


def test_one_slow_step_is_not_enough() -> None:
    pace, late = Pace(2), iter([50.0])
    used(pace, lambda count: 1.0 / count, TRIAL)
    assert used(pace, lambda count: next(late, 1.0 / count), 100) == [2] * 100


@pytest.mark.parametrize(("pace", "wanted"), [(Pace(1), 1), (Pace(1, fixed=True), 1), (Pace(8, fixed=True), 8)])
def test_what_is_asked_for_holds(pace: Pace, wanted: int) -> None:
    assert used(pace, lambda _: 1.0, 100) == [wanted] * 100


def test_a_step_has_the_threads_that_are_due() -> None:
    pace, counts = Pace(3), []
    for _ in range(4):
        with pace.step():
            counts.append(threads.count())
    assert counts == [1, 3, 1, 3]
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("overrides", "compared", "of_torch"),
    [
        (("train.threads=0",), True, 1),
        (("train.threads=3",), False, 1),
        (("train.threads=0", "train.kernel=scan"), False, 1),
        (("train.threads=2", "train.kernel=scan"), False, 2),
    ],
)
def test_which_runs_compare(overrides, compared, of_torch, composed, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("rnnsweep.kernels.choice.decided", lambda *_: "fused")
    prepared = run.prepare(composed("task=parity", *overrides))
    with threads.using(3), run.threads_of(prepared.train):
        assert torch.get_num_threads() == of_torch
        members = [run.make_member(prepared, RunStore(tmp_path))]
        trainer = Trainer(members, torch.device("cpu"), Observer(), StopRequest())
    assert trainer.pace.tries == compared
