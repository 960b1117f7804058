"""Planned looks against simulations, and the e value against the integral that it is."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats

from rnnsweep import looks

Differences = NDArray[np.float64]


def verdicts(differences: Differences, margin: float) -> list[str]:
    """The verdict of each comparison at the end: arms other than the leader by seeds."""
    arms, found = len(differences) + 1, []
    for each in differences:
        for number, n in enumerate(looks.SEEDS):
            verdict = looks.look(each[:n], number, arms, margin).verdict
            if verdict != "open":
                break
        found.append(verdict)
    return found


@pytest.mark.parametrize("arms", [2, 4, 8])
def test_looks_find_no_difference_where_there_is_none(arms: int) -> None:
    """All arms equal, the leader their common opponent: a false `differs` in at most one family of twenty."""
    draw = np.random.default_rng(arms)
    wrong = 0
    for _ in range(400):
        values = draw.normal(size=(arms, looks.SEEDS[-1]))
        wrong += "differs" in verdicts(values[1:] - values[0], margin=0.0)
    assert wrong / 400 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


def test_looks_call_arms_equivalent_that_differ_by_the_margin_rarely() -> None:
    draw = np.random.default_rng(1)
    said = [verdicts(draw.normal(0.5, 1.0, size=(1, 18)), margin=0.5)[0] for _ in range(400)]
    assert said.count("equivalent") / 400 <= 0.05


def test_looks_decide_where_there_is_much_to_see() -> None:
    draw = np.random.default_rng(2)
    assert verdicts(draw.normal(5.0, 1.0, size=(3, 18)), margin=0.1) == ["differs"] * 3
    assert verdicts(draw.normal(0.0, 0.01, size=(3, 18)), margin=0.1) == ["equivalent"] * 3


def test_a_look_is_the_paired_t_test() -> None:
    values = np.array([0.3, 0.1, 0.4, 0.2, 0.6])
    found = looks.look(values, 1, 3, 0.01)
    level = 0.01 / 2
    assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    wanted = stats.t.interval(1 - level, 4, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(wanted)
    assert sum(looks.ALPHAS) == pytest.approx(0.05)


def test_equal_differences_are_no_test() -> None:
    found = looks.look([0.2, 0.2, 0.2], 0, 2, 0.01)
    assert math.isnan(found.p)
    assert found.verdict == "open"
    assert looks.look([0.0, 0.0, 0.0], 0, 2, 0.01).verdict == "equivalent"


def test_the_last_look_is_where_the_seeds_end() -> None:
    assert looks.planned(18) == (3, 5, 8, 12, 18)
    assert looks.planned(10) == (3, 5, 8, 10)
    assert looks.planned(3) == (3,)
    with pytest.raises(ValueError, match="3 to 18"):
        looks.planned(2)


@pytest.mark.parametrize(("n", "t"), [(3, 1.0), (3, 4.0), (8, 2.5), (18, 0.3)])
def test_the_e_value_is_a_mixture_of_likelihood_ratios(n: int, t: float) -> None:
    """The density of t over normal effect sizes, by numerical integration, over its density without an effect."""

    def joint(effect: float) -> float:
        shifted = stats.nct.pdf(t, n - 1, effect * math.sqrt(n))
        return float(shifted * stats.norm.pdf(effect, scale=math.sqrt(looks.PRIOR)))

    wanted = integrate.quad(joint, -12, 12, limit=200)[0] / stats.t.pdf(t, n - 1)
    assert looks.evidence(t, n) == pytest.approx(wanted, rel=1e-4)


def test_the_always_valid_interval_holds_at_all_times() -> None:
    draw, missed = np.random.default_rng(3), 0
    for _ in range(400):
        values = draw.normal(1.0, 2.0, 60)
        intervals = [looks.always_valid(values[:n]) for n in range(2, 61)]
        missed += not all(low <= 1.0 <= high for low, high in intervals)
    assert missed / 400 <= 0.05
    low, high = looks.always_valid(values)
    at_the_end = [
        looks.evidence((values.mean() - end) / (values.std(ddof=1) / math.sqrt(60)), 60) for end in (low, high)
    ]
    assert at_the_end == pytest.approx([20.0, 20.0])


def test_adding_seeds_until_p_is_small_finds_too_much() -> None:
    """Why looks are planned."""
    draw, found = np.random.default_rng(4), 0
    for _ in range(400):
        values = draw.normal(size=18)
        found += any(stats.ttest_1samp(values[:n], 0).pvalue < 0.05 for n in range(3, 19))
    assert found / 400 > 0.15


def test_the_seeds_needed_reach_what_is_asked() -> None:
    values = np.random.default_rng(5).normal(0, 1, 400)
    low, high = looks.seeds_needed(values, 0.2)
    for n in (low, high):
        assert stats.t.ppf(0.975, n - 1) / math.sqrt(n) == pytest.approx(0.2, rel=0.1)
    few = looks.seeds_needed(values[:3], 0.2)
    assert few[0] < low < few[1] or few[1] / few[0] > 10
