"""The report's statistics against published values, other implementations, and their nominal coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from rnnsweep.report import stats
from rnnsweep.report.anova import anova
from rnnsweep.report.expected_best import expected_best

SLEEP = (
    (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0),
    (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4),
)
"""R's `sleep` (Cushny and Peebles 1905): extra hours of sleep under two drugs, ten patients."""

WARPBREAKS = {
    ("A", "L"): (26, 30, 54, 25, 70, 52, 51, 26, 67),
    ("A", "M"): (18, 21, 29, 17, 12, 18, 35, 30, 36),
    ("A", "H"): (36, 21, 24, 18, 10, 43, 28, 15, 26),
    ("B", "L"): (27, 14, 29, 19, 29, 31, 41, 20, 44),
    ("B", "M"): (42, 26, 19, 16, 39, 28, 21, 39, 29),
    ("B", "H"): (20, 21, 24, 17, 13, 15, 15, 16, 28),
}
"""R's `warpbreaks` (Tippett 1950): breaks by wool and tension, nine looms each."""


def test_paired_t_of_rs_sleep() -> None:
    found = stats.t_interval(np.subtract(*SLEEP))
    assert found.t == pytest.approx(-4.0621, abs=5e-5)
    assert found.df == 9
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    assert (found.low, found.high) == pytest.approx((-2.4599, -0.7001), abs=5e-5)


def warpbreaks() -> pd.DataFrame:
    rows = [(wool, tension, b) for (wool, tension), breaks in WARPBREAKS.items() for b in breaks]
    return pd.DataFrame(rows, columns=["wool", "tension", "breaks"])


def test_exact_anova_of_rs_warpbreaks() -> None:
    data = warpbreaks()
    found = anova({n: data[n].to_numpy() for n in ("wool", "tension")}, data["breaks"].to_numpy(float))
    assert found is not None
    assert found.kind == "exact"
    assert [source.squares for source in found.sources] == pytest.approx(
        [450.667, 2034.259, 1002.778, 5745.111], abs=5e-4
    )
    assert [source.df for source in found.sources] == [1, 2, 2, 48]
    assert sum(source.share for source in found.sources) == pytest.approx(1)
    assert found.sources[1].p == pytest.approx(0.0006926, abs=5e-7)


def test_type_two_where_the_grid_is_unbalanced() -> None:
    data = warpbreaks().drop(index=[0, 1, 13, 40])
    found = anova({n: data[n].to_numpy() for n in ("wool", "tension")}, data["breaks"].to_numpy(float))
    assert found is not None
    assert found.kind == "type II"
    theirs = anova_lm(ols("breaks ~ C(wool) * C(tension)", data).fit(), typ=2)
    assert [source.squares for source in found.sources] == pytest.approx(list(theirs["sum_sq"]), rel=1e-9)
    assert [source.df for source in found.sources] == list(theirs["df"])


def test_three_factors_against_statsmodels() -> None:
    generator = np.random.default_rng(0)
    grid = [(a, b, c) for a in range(3) for b in range(2) for c in range(4) for _ in range(2)]
    data = pd.DataFrame(grid, columns=["a", "b", "c"]).assign(y=generator.normal(size=len(grid)))
    formula = "y ~ C(a) + C(b) + C(c) + C(a):C(b) + C(a):C(c) + C(b):C(c)"
    for part, kind in ((data, "exact"), (data.drop(index=[3, 20, 21]), "type II")):
        found = anova({n: part[n].to_numpy() for n in "abc"}, part["y"].to_numpy())
        assert found is not None
        theirs = anova_lm(ols(formula, part).fit(), typ=2)
        terms = [*(f"C({n})" for n in "abc"), *(f"C({a}):C({b})" for a, b in ("ab", "ac", "bc")), "Residual"]
        assert found.kind == kind
        if kind == "exact":
            assert [s.squares for s in found.sources] == pytest.approx([theirs["sum_sq"][t] for t in terms])
        else:  # a cell is empty: what can be estimated is still that of statsmodels
            ours = {s.name: s for s in found.sources}
            assert ours[("a",)].df == 2
            assert found.coverage == pytest.approx(23 / 24)


def test_a_factor_that_another_determines_has_no_share_of_its_own() -> None:
    a = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    found = anova({"a": a, "b": a // 2}, np.random.default_rng(0).normal(size=8))
    assert found is not None
    (b,) = [source for source in found.sources if source.name == ("b",)]
    assert b.df == 0
    assert not b.known


def test_many_factors_at_few_points_have_their_shares_and_interactions_none() -> None:
    """30 factors of two levels at 300 points, three seeds each: the seeds are no evidence for 435 interactions."""
    generator = np.random.default_rng(0)
    points = np.repeat(generator.integers(0, 2, (300, 30)), 3, axis=0)
    values = 2.4 * points[:, 0] + generator.normal(size=len(points))
    found = anova({f"f{index}": points[:, index] for index in range(30)}, values)
    assert found is not None
    shares = {source.name: source.share for source in found.sources}
    assert shares[("f0",)] == pytest.approx(0.59, abs=0.06)
    assert max(len(name) for name in shares) == 1
    assert found.rest == "seed and interactions"
    assert found.coverage < 1e-6


def test_factors_that_outnumber_the_points_are_not_estimable() -> None:
    generator = np.random.default_rng(0)
    points = np.repeat(generator.integers(0, 2, (20, 30)), 3, axis=0)
    found = anova({f"f{index}": points[:, index] for index in range(30)}, generator.normal(size=len(points)))
    assert found is not None
    assert not any(source.known for source in found.sources[:-1])
    assert anova({f"f{index}": points[::3, index] for index in range(30)}, generator.normal(size=20)) is None


def test_nothing_to_explain_is_no_analysis() -> None:
    assert anova({"a": np.array([0, 1, 0, 1])}, np.ones(4)) is None
    assert anova({"a": np.array([0, 0, 0])}, np.array([1.0, 2.0, 3.0])) is None


def test_holm() -> None:
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.01, math.nan, 0.04]) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)
    assert stats.holm([]) == []
    p = list(np.random.default_rng(0).uniform(0, 0.2, 17))
    assert stats.holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_wilson() -> None:
    assert stats.wilson(11, 12) == pytest.approx((0.646, 0.985), abs=5e-4)
    assert stats.wilson(0, 0) == (0.0, 1.0)
    for successes in range(8):
        theirs = scipy_stats.binomtest(successes, 7).proportion_ci(0.95, "wilson")
        assert stats.wilson(successes, 7) == pytest.approx((theirs.low, theirs.high))


def test_expected_best_is_unbiased() -> None:
    assert expected_best([1, 2, 3, 4], [2], lower=False) == pytest.approx([10 / 3])
    values = np.random.default_rng(1).normal(size=9)
    generator = np.random.default_rng(2)
    drawn = [generator.choice(values, 4, replace=False).min() for _ in range(20_000)]
    assert expected_best(values, [1, 4, 9]) == pytest.approx([values.mean(), np.mean(drawn), values.min()], abs=0.01)


def test_a_configuration_without_a_value_ranks_last() -> None:
    import itertools

    values = [1.0, 2.0, math.nan]
    pairs = [min(x for x in pair if x == x) for pair in itertools.combinations(values, 2)]
    assert expected_best(values, [2]) == pytest.approx([np.mean(pairs)])


def test_a_sign_test_that_cannot_reach_alpha_is_none() -> None:
    assert stats.sign_test(5, 0) is None  # its least p is 1/16
    assert stats.sign_test(6, 0) == pytest.approx(2 / 64)
    assert stats.sign_test(0, 0) is None
    for better in range(10):
        assert stats.sign_test(better, 9 - better) == pytest.approx(scipy_stats.binomtest(better, 9).pvalue)


def test_few_values_have_no_interval() -> None:
    assert not stats.t_interval([1.0]).known
    assert not stats.t_interval([1.0, 2.0]).known
    assert stats.t_interval([1.0, 2.0, 3.0]).known


@pytest.mark.parametrize("n", [3, 5, 12])
def test_the_t_interval_covers_what_it_says(n: int) -> None:
    draws = np.random.default_rng(n).normal(0.3, 2.0, (1500, n))
    found = [stats.t_interval(row) for row in draws]
    assert np.mean([i.low <= 0.3 <= i.high for i in found]) == pytest.approx(stats.LEVEL, abs=0.02)


def test_wilson_covers_what_it_says() -> None:
    """Averaged over rates, as a score interval is judged: at a single rate its coverage is a comb."""
    generator = np.random.default_rng(0)
    rates = generator.uniform(0.05, 0.95, 1500)
    found = [(stats.wilson(int(generator.binomial(20, rate)), 20), rate) for rate in rates]
    assert np.mean([low <= rate <= high for (low, high), rate in found]) == pytest.approx(stats.LEVEL, abs=0.02)


def test_equivalence_is_wrong_at_most_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(0.1, 0.05, (1500, 6))  # the truth lies on the margin
    assert np.mean([stats.equivalent(row, 0.1) for row in draws]) == pytest.approx(stats.ALPHA, abs=0.02)


def test_holm_keeps_the_family_error() -> None:
    draws = np.random.default_rng(0).normal(size=(1000, 5, 4))
    families = [stats.holm([stats.t_interval(row).p for row in family]) for family in draws]
    assert np.mean([min(family) < stats.ALPHA for family in families]) <= stats.ALPHA + 0.02


def test_the_p_value_is_scipys() -> None:
    values = np.random.default_rng(3).normal(0.5, 1, 7)
    theirs = scipy_stats.ttest_1samp(values, 0)
    assert stats.t_interval(values).p == pytest.approx(theirs.pvalue)
    assert stats.t_interval(values).t == pytest.approx(theirs.statistic)
