"""Schedules against torch's own and against closed forms."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnsweep.schedules import Schedule


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


@given(
    st.sampled_from(["constant", "cosine", "linear", "step"]),
    st.integers(0, 30),
    st.integers(1, 50),
    st.floats(0, 1),
)
def test_between_nothing_and_the_base_rate(shape, warmup, steps, floor) -> None:  # type: ignore[no-untyped-def]
    rates = ours(Schedule(schedule=shape, warmup=warmup, floor=floor), steps)
    assert all(0 <= rate <= 1 + 1e-12 and math.isfinite(rate) for rate in rates)
