"""The statistics of the report against SciPy, and what each gives where there is too little to say."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnsweep.report import stats
from rnnsweep.report.expected_best import expected_best, expected_choice
from rnnsweep.report.stats import ALPHA, LEVEL, Interval

SAMPLES = st.lists(st.integers(-1000, 1000).map(lambda n: n / 16), min_size=3, max_size=9).filter(
    lambda values: len(set(values)) > 1
)
OTHERS = st.sampled_from([0.8, 0.9, 0.95, 0.99])


def same(one: Interval, other: Interval) -> None:
    """Equal, and NaN where the other is."""
    np.testing.assert_equal(dataclasses.asdict(one), dataclasses.asdict(other))


@settings(max_examples=60, deadline=None)
@given(SAMPLES, OTHERS)
def test_the_t_interval_is_scipys(values: list[float], level: float) -> None:
    ours, theirs = stats.t_interval(values, level), scipy.stats.ttest_1samp(values, 0.0)
    low, high = theirs.confidence_interval(level)
    got = (ours.mean, ours.low, ours.high, ours.p, ours.t)
    assert got == pytest.approx((np.mean(values), low, high, theirs.pvalue, theirs.statistic), rel=1e-9, abs=1e-12)
    assert (ours.n, ours.df, ours.flat, ours.known) == (len(values), len(values) - 1, False, True)
    assert ours.ends == (ours.low, ours.high)
    assert ours.half == pytest.approx((high - low) / 2)


def test_the_level_is_the_one_that_is_said() -> None:
    low, high = scipy.stats.ttest_1samp([1.0, 2.0, 4.0], 0.0).confidence_interval(LEVEL)
    assert stats.t_interval([1.0, 2.0, 4.0]).ends == pytest.approx((low, high))
    assert LEVEL == 0.95
    assert pytest.approx(0.05) == ALPHA


@pytest.mark.parametrize(
    ("values", "least", "wanted"),
    [
        ([], 3, Interval(math.nan)),
        ([2.0], 3, Interval(2.0, n=1)),
        ([2.0, 3.0], 3, Interval(2.5, n=2)),
        ([2.0], 1, Interval(2.0, n=1)),
        ([2.0, 2.0, 2.0], 3, Interval(2.0, n=3, flat=True)),
        ([1.0, 1.0 + 1e-15, 1.0], 3, Interval(np.mean([1.0, 1.0 + 1e-15, 1.0]), n=3, flat=True)),
    ],
)
def test_few_values_and_equal_ones_have_no_interval(values: list[float], least: int, wanted: Interval) -> None:
    got = stats.t_interval(values, least=least)
    same(got, wanted)
    assert not got.known
    assert math.isnan(got.low)
    assert math.isnan(got.high)
    assert math.isnan(got.p)
    assert math.isnan(got.t)
    assert got.df == 0


def test_two_values_have_an_interval_where_two_are_enough() -> None:
    got = stats.t_interval([2.0, 3.0], least=2)
    assert got.ends == pytest.approx(scipy.stats.ttest_1samp([2.0, 3.0], 0.0).confidence_interval(0.95))


def test_an_interval_that_nothing_is_known_of() -> None:
    same(Interval(1.0), Interval(1.0, math.nan, math.nan, 0, math.nan, 0, math.nan, False))
    assert Interval(1.0, 0.5, 1.5, flat=True).ends == (1.0, 1.0)


def test_rounding_is_judged_by_the_size_of_what_was_subtracted() -> None:
    differences = [1e-14, 2e-14, 3e-14]
    assert stats.t_interval(differences).known
    flat = stats.t_interval(differences, scale=10.0)
    assert flat.flat
    assert flat.mean == 0.0
    assert stats.t_interval([1.0 + 1e-15, 1.0, 1.0], scale=10.0).mean == pytest.approx(1.0)
    assert stats.t_interval([0.1, 0.2, 0.3], scale=10.0).known


def test_an_interval_is_turned_to_point_upward() -> None:
    down = Interval(-2.0, -3.0, -1.5, 4, 0.01, 3, -5.0)
    same(down.upward, Interval(2.0, 1.5, 3.0, 4, 0.01, 3, -5.0))
    up = Interval(2.0, -1.0, 5.0)
    same(up.upward, up)
    same(Interval(0.0, -1.0, 2.0).upward, Interval(0.0, -1.0, 2.0))


@settings(max_examples=60, deadline=None)
@given(SAMPLES, SAMPLES, OTHERS)
def test_the_interval_of_a_difference_is_scipys(first: list[float], second: list[float], level: float) -> None:
    low, high = scipy.stats.ttest_ind(first, second, equal_var=False).confidence_interval(level)
    assert stats.welch(first, second, level) == pytest.approx((low, high), rel=1e-9, abs=1e-9)


def test_a_difference_of_equal_values_has_no_width() -> None:
    assert stats.welch([3.0, 3.0], [1.0, 1.0, 1.0]) == (2.0, 2.0)
    assert stats.welch([3.0, 5.0], [1.0, 1.0, 1.0]) == pytest.approx(
        tuple(scipy.stats.ttest_ind([3.0, 5.0], [1.0, 1.0, 1.0], equal_var=False).confidence_interval(0.95))
    )


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_the_interval_of_a_share_is_scipys(n: int) -> None:
    for successes in range(n + 1):
        wanted = scipy.stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
        assert stats.wilson(successes, n) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
        wanted = scipy.stats.binomtest(successes, n).proportion_ci(0.8, method="wilson")
        assert stats.wilson(successes, n, 0.8) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
        assert 0 <= stats.wilson(successes, n)[0] <= stats.wilson(successes, n)[1] <= 1
    assert stats.wilson(0, 0) == (0.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.001, 0.01, 0.02, 0.03, 0.04, 0.2, 0.6, math.nan]), max_size=6))
def test_holm_by_its_definition(p: list[float]) -> None:
    """The k-th smallest of m, times m - k + 1, at least as large as the one before and at most 1."""
    known = [value for value in p if not math.isnan(value)]
    got = stats.holm(p)
    assert len(got) == len(p)
    for value, adjusted in zip(p, got, strict=True):
        if math.isnan(value):
            assert math.isnan(adjusted)
        else:
            smaller = sorted(known)[: sorted(known).index(value) + known.count(value)]
            steps = [(len(known) - k) * each for k, each in enumerate(smaller) if each <= value]
            assert adjusted == pytest.approx(min(1.0, max(steps)))


@pytest.mark.parametrize("better", range(10))
@pytest.mark.parametrize("worse", range(10))
def test_the_sign_test_is_the_binomial_test(better: int, worse: int) -> None:
    got, n = stats.sign_test(better, worse), better + worse
    if n < 6:  # 2 / 2^5 is above 5%
        assert got is None
    else:
        assert got == pytest.approx(scipy.stats.binomtest(better, n).pvalue)


@pytest.mark.parametrize(
    ("values", "margin", "wanted"),
    [
        ([0.1, -0.1, 0.05, -0.05, 0.0], 0.2, True),
        ([0.1, -0.1, 0.05, -0.05, 0.0], 0.05, False),
        ([1.0, 1.1, 0.9, 1.05], 0.5, False),
        ([-1.0, -1.1, -0.9, -1.05], 0.5, False),
        ([0.1, 0.1], 0.5, False),
        ([], 0.5, False),
    ],
)
def test_equivalence_by_two_one_sided_tests(values: list[float], margin: float, wanted: bool) -> None:
    assert stats.equivalent(values, margin) is wanted
    if len(values) > 2:
        sides = [
            scipy.stats.ttest_1samp(values, -margin, alternative="greater").pvalue,
            scipy.stats.ttest_1samp(values, margin, alternative="less").pvalue,
        ]
        assert bool(max(sides) < ALPHA) is wanted


def best(values: list[float], n: int, lower: bool) -> float:
    """By enumeration: of the draws of n that hold a value, the mean of their best."""
    draws: list[Any] = [[v for v in draw if math.isfinite(v)] for draw in itertools.combinations(values, n)]
    found = [(min if lower else max)(draw) for draw in draws if draw]
    return sum(found) / len(found) if found else math.nan


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0, 2.0], [1.0, math.nan, 5.0, 2.0, math.nan], [math.nan] * 3, [4.0]])
def test_the_expected_best_by_enumeration(values: list[float], lower: bool) -> None:
    draws = range(1, len(values) + 1)
    got = expected_best(values, list(draws), lower)
    np.testing.assert_allclose(got, [best(values, n, lower) for n in draws], rtol=1e-9)


@pytest.mark.parametrize("lower", [True, False])
def test_the_expected_choice_by_enumeration(lower: bool) -> None:
    """Another value chooses: of each draw the one that validation calls the best, and its test value."""
    validation, test = [3.0, 1.0, math.nan, 2.0, 5.0], [0.1, 0.9, 0.0, 0.4, 0.3]
    for n in range(1, 6):
        draws = [[i for i in draw if i != 2] for draw in itertools.combinations(range(5), n)]
        wanted = [test[(min if lower else max)(draw, key=validation.__getitem__)] for draw in draws if draw]
        assert expected_choice(validation, test, [n], lower) == pytest.approx([sum(wanted) / len(wanted)])


def test_lower_is_better_unless_said() -> None:
    assert expected_best([1.0, 2.0], [2]) == pytest.approx([1.0])
