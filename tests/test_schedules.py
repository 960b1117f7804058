"""Schedules against torch's own and against closed forms, and laws that each of them obeys."""

import itertools
import math
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnsweep.schedules import Decay, ForcingShape, Schedule, forcing, grown


def torch_rates(make, steps: int) -> list[float]:  # type: ignore[no-untyped-def]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(schedule: Schedule, steps: int, steps_per_epoch: int = 10) -> list[float]:
    return [schedule.multiplier(step, steps, steps_per_epoch) for step in range(steps)]


def test_cosine_equals_torch() -> None:
    wanted = torch_rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 50, eta_min=0.1), 50)
    assert ours(Schedule(schedule="cosine", warmup=0, floor=0.1), 50) == pytest.approx(wanted)


def test_linear_equals_torch() -> None:
    wanted = torch_rates(lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.25, 40), 40)
    assert ours(Schedule(schedule="linear", warmup=0, floor=0.25), 40) == pytest.approx(wanted)


def test_step_equals_torch() -> None:
    wanted = torch_rates(lambda o: torch.optim.lr_scheduler.StepLR(o, 20, 0.5), 100)
    assert ours(Schedule(schedule="step", warmup=0, decay=0.5, decay_every=2.0), 100) == pytest.approx(wanted)


def test_step_of_char_rnn() -> None:
    """char-rnn multiplies by .97 at the end of every epoch from the tenth on."""
    schedule = Schedule(schedule="step", warmup=0, decay=0.97, decay_after=9.0)
    rates = [schedule.multiplier(epoch * 7, 700, 7) for epoch in range(13)]
    assert rates == pytest.approx([1.0] * 10 + [0.97, 0.97**2, 0.97**3])


def test_warmup_rises_linearly_to_the_base_rate() -> None:
    rates = ours(Schedule(schedule="constant", warmup=4), 6)
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


# Laws of every schedule, of the learning rate and of teacher forcing --------------------------------------------------

SHAPES: tuple[str, ...] = get_args(Decay)
FORCINGS: tuple[str, ...] = get_args(ForcingShape)


def made(**options: Any) -> Schedule:
    return Schedule(**options)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=40, deadline=None)
@given(warmup=st.integers(0, 30), steps=st.integers(1, 60), floor=st.floats(0, 1), per_epoch=st.integers(1, 20))
def test_a_rate_falls_after_the_warm_up_and_stays_between_0_and_1(
    shape: str, warmup: int, steps: int, floor: float, per_epoch: int
) -> None:
    rates = ours(made(schedule=shape, warmup=warmup, floor=floor), steps, per_epoch)
    assert all(math.isfinite(rate) and 0 <= rate <= 1 + 1e-12 for rate in rates)
    assert all(later <= rate + 1e-12 for rate, later in itertools.pairwise(rates[max(0, warmup - 1) :]))
    if shape in ("cosine", "linear"):
        assert min(rates[warmup:], default=floor) >= floor - 1e-12


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=40, deadline=None)
@given(warmup=st.integers(1, 30), steps=st.integers(31, 60))
def test_a_warm_up_is_a_straight_line_to_the_base_rate(shape: str, warmup: int, steps: int) -> None:
    rates = ours(made(schedule=shape, warmup=warmup, decay_every=1000.0), steps)
    assert rates[:warmup] == pytest.approx([(step + 1) / warmup for step in range(warmup)])


@pytest.mark.parametrize("shape", SHAPES)
def test_the_first_rate_without_a_warm_up_is_the_base_rate(shape: str) -> None:
    assert made(schedule=shape, warmup=0, floor=0.25).multiplier(0, 80, 10) == 1


CLOSED = {  # at step 60 of 80, with a warm-up of 40 steps, a floor of 1/4 and 10 steps an epoch
    "constant": 1.0,
    "cosine": 0.25 + 0.75 * 0.5,  # half-way
    "linear": 0.25 + 0.75 * 0.5,
    "step": 0.97**6,
    "plateau": 1.0,  # what its losses led to stands beside it
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_closed_form_of_a_rate(shape: str) -> None:
    if shape not in CLOSED:
        pytest.skip(f"CLOSED has no {shape}")
    schedule = made(schedule=shape, warmup=40, floor=0.25)
    assert schedule.multiplier(60, 80, 10) == pytest.approx(CLOSED[shape])
    if shape in ("cosine", "linear"):
        assert schedule.multiplier(80, 80, 10) == pytest.approx(0.25)


@pytest.mark.parametrize("shape", FORCINGS)
@settings(max_examples=40, deadline=None)
@given(start=st.floats(0.01, 1), half=st.integers(1, 500))
def test_teacher_forcing_falls_from_its_start_and_has_its_half(shape: Any, start: float, half: int) -> None:
    shares = [forcing(shape, start, float(half), step) for step in range(0, 4 * half + 2, 1 + half // 20)]
    assert shares[0] == pytest.approx(start)
    assert all(0 <= later <= share + 1e-12 for share, later in itertools.pairwise(shares))
    if shape != "constant":
        assert forcing(shape, start, float(half), half) == pytest.approx(start / 2)
        assert forcing(shape, start, float(half), 10**6) < 1e-6 * start


@pytest.mark.parametrize(
    ("shape", "wanted"), [("constant", 0.8), ("linear", 0.8 * 0.75), ("exponential", 0.8 * 0.5**0.5)]
)
def test_the_closed_form_of_teacher_forcing(shape: Any, wanted: float) -> None:
    assert forcing(shape, 0.8, 100.0, 50) == pytest.approx(wanted)


def test_the_inverse_sigmoid_is_that_of_bengio() -> None:
    """k / (k + exp(i / k)) over its value at 0, for one k at all steps."""
    shares = [forcing("inverse_sigmoid", 1.0, 100.0, step) for step in range(300)]
    k = next(k for k in (n / 1000 for n in range(5000, 100_000)) if math.exp(100 / k) <= k + 2)
    wanted = [(k + 1) / (k + math.exp(step / k)) for step in range(300)]
    assert shares == pytest.approx(wanted, rel=2e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 50), st.integers(0, 100), st.integers(1, 80))
def test_a_curriculum_grows_from_its_start_to_its_end(start: int, more: int, over: int) -> None:
    end = start + more
    lengths = [grown(start, end, over, step) for step in range(over + 5)]
    assert (lengths[0], lengths[over:]) == (start, [end] * 5)
    assert lengths == sorted(lengths)
    assert all(abs(length - (start + more * step / over)) < 1 for step, length in enumerate(lengths[: over + 1]))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 50))
def test_a_curriculum_over_no_step_is_at_its_end(end: int) -> None:
    assert grown(1, end, 0, 0) == end


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 3), min_size=1, max_size=40), st.integers(0, 3))
def test_a_plateau_decays_where_torch_does(losses: list[float], patience: int) -> None:
    """Against ReduceLROnPlateau without a threshold, for any course of the validation loss."""
    schedule = Schedule(schedule="plateau", warmup=0, decay=0.25, plateau_patience=patience)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.25, patience=patience, threshold=0.0, eps=0.0
    )
    rate, lowest, stale = 1.0, math.inf, 0
    for loss in losses:
        stale = 0 if loss < lowest else stale + 1
        lowest = min(lowest, loss)
        rate *= schedule.decay if schedule.decays(stale) else 1.0
        theirs.step(loss)
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"])
    assert schedule.multiplier(3, 10, 5) == 1.0


def test_only_a_plateau_keeps_a_state() -> None:
    cpu = torch.device("cpu")
    assert Schedule(schedule="step").state(3, cpu) == {}
    assert Schedule(schedule="plateau").state(3, cpu)["rate"].tolist() == [[1.0]] * 3
    assert not Schedule(schedule="step").decays(1)
