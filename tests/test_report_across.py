"""The tuned arms over several tasks: tests against Demšar's example and scipy, and which figures there are."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import records
from numpy.typing import NDArray
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from rnnsweep.record import Declaration, RunStore
from rnnsweep.report.across import forest, profile, ranks
from rnnsweep.report.across.pictures import pictures
from rnnsweep.report.across.scores import Scores, iqm, pooled, scores
from rnnsweep.report.across.table import sentence, table
from rnnsweep.report.analysis import DesignOptions, tuned_comparisons
from rnnsweep.report.collect import collect
from rnnsweep.report.runs import Runs

pytestmark = pytest.mark.usefixtures("figures_not_drawn")

DEMSAR = np.array([
    [.763, .599, .954, .628, .882, .936, .661, .583, .775, 1, .940, .619, .972, .957],
    [.768, .591, .971, .661, .888, .931, .668, .583, .838, 1, .962, .666, .981, .978],
    [.771, .590, .968, .654, .886, .916, .609, .563, .866, 1, .965, .614, .9751, .946],
    [.798, .569, .967, .657, .898, .931, .685, .625, .875, 1, .962, .669, .975, .970],
])  # fmt: skip
"""Four variants of C4.5 on fourteen data sets (Demšar 2006, table 6), which ranks one of two values .975 first."""


def made(tasks: int, arms: int = 3, seeds: int = 5, gap: float = 0.1) -> Scores:
    """Arms of which each is worse than the one before, by so much on average."""
    noise = np.random.default_rng(tasks)
    names, places = [f"arm {i}" for i in range(arms)], [f"task {i}" for i in range(tasks)]
    found = {
        (arm, task): pd.Series(1 - gap * i + noise.normal(0, 0.02, seeds) + noise.normal(0, 0.03))
        for (i, arm), task in itertools.product(enumerate(names), places)
    }
    return Scores(tuple(names), tuple(places), found)


def of_means(means: NDArray[np.float64]) -> Scores:
    """Scores of a single seed."""
    arms, tasks = (tuple(map(str, range(count))) for count in means.shape)
    found = {(a, t): pd.Series([means[int(a), int(t)]]) for a, t in itertools.product(arms, tasks)}
    return Scores(arms, tasks, found)


def test_demsars_example_of_mean_ranks_friedman_and_the_critical_difference() -> None:
    """χ² = 9.28, F = 3.69 with 3 and 39 degrees of freedom, CD = 1.25 (Demšar 2006, section 3.2.2)."""
    found = ranks.mean_ranks(DEMSAR)
    assert found == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert ranks.friedman(found, 14) == pytest.approx(scipy_stats.f.sf(3.69, 3, 39), rel=0.01)
    assert ranks.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


@pytest.mark.parametrize(("arms", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (8, 3.031), (10, 3.164)], ids=str)
def test_nemenyis_quantiles(arms: int, quantile: float) -> None:
    """Demšar 2006, table 5a."""
    assert ranks.critical_difference(arms, 24) == pytest.approx(quantile * np.sqrt(arms * (arms + 1) / 144), rel=5e-4)


def test_friedmans_test_is_scipys_where_no_ranks_are_shared() -> None:
    values = np.random.default_rng(0).normal(size=(4, 12))
    square = scipy_stats.friedmanchisquare(*values).statistic
    wanted = scipy_stats.f.sf(11 * square / (36 - square), 3, 33)
    assert ranks.friedman(ranks.mean_ranks(values), 12) == pytest.approx(wanted)
    assert ranks.friedman(np.array([1.0, 2, 3]), 12) == 0


def test_demsars_example_of_signed_ranks() -> None:
    """The smaller sum of ranks is 12 of 105, so z = −2.54 (Demšar 2006, section 3.1.3)."""
    wanted = 2 * scipy_stats.norm.sf((52.5 - 12) / np.sqrt(14 * 15 * 29 / 24))
    assert ranks.signed_ranks(DEMSAR[1] - DEMSAR[0]) == pytest.approx(wanted, abs=0.003)
    assert ranks.signed_ranks(np.zeros(8)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("arms", [2, 5, 8])
def test_a_leader_that_was_picked_is_called_different_as_seldom_as_it_says(arms: int) -> None:
    """Holm over the comparisons with the leader alone finds a difference in 9% (5 arms) and 13% (8) of null studies."""
    noise, called = np.random.default_rng(arms), 0
    for _ in range(400):
        values = noise.normal(size=(arms, 12))
        called += np.nanmin(ranks.wilcoxon(values, int(values.mean(1).argmax()))) < 0.05
    assert called / 400 <= 0.08


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_the_largest_within_the_critical_difference(seed: int) -> None:
    found = np.random.default_rng(seed).uniform(1, 8, 8)
    inside = [
        {*group}
        for size in range(2, 9)
        for group in itertools.combinations(range(8), size)
        if np.ptp(found[list(group)]) < 2
    ]
    largest = [group for group in inside if not any(group < other for other in inside)]
    wanted = sorted((min(found[list(group)]), max(found[list(group)])) for group in largest)
    assert np.array(ranks.alike(found, 2.0)) == pytest.approx(np.array(wanted))


@pytest.mark.parametrize(
    ("tasks", "figures", "more"),
    [
        (2, ["forest", "profile"], []),
        (5, ["forest", "profile"], []),
        (6, ["profile"], ["Holm p (Wilcoxon)"]),
        (10, ["ranks", "profile"], ["Holm p (Wilcoxon)", "mean rank"]),
    ],
)
def test_the_number_of_tasks_decides_what_is_shown(tasks: int, figures: list[str], more: list[str]) -> None:
    of = made(tasks)
    assert [picture.name for picture in pictures(of)] == [f"across-{name}" for name in figures]
    found = table(of)
    assert list(found.columns[tasks + 5 :]) == more
    assert any("a test over tasks needs" in note for note in found.notes) == (tasks < 6)
    assert any("critical difference" in note for note in found.notes) == (tasks == 10)
    assert f"arm 0 has the best mean score, {of.means[0].mean():.2f}, and is best on {tasks} of {tasks}" in sentence(of)


def test_the_p_of_the_table_is_scipys_with_holm_over_all_pairs() -> None:
    of = made(8, gap=0.01)
    pairs = list(itertools.combinations(range(3), 2))
    raw = [scipy_stats.wilcoxon(of.means[a] - of.means[b]).pvalue for a, b in pairs]
    wanted = multipletests(raw, method="holm")[1]
    leader = of.order[0]
    found = ranks.wilcoxon(of.means, leader)
    for arm in set(range(3)) - {leader}:
        index = pairs.index((min(arm, leader), max(arm, leader)))
        assert found[arm] == pytest.approx(wanted[index])
        assert table(of).rows[of.order.index(arm)].cells[-1].data == found[arm]


def test_a_forest_plot_is_of_differences_paired_by_seed() -> None:
    of = made(3, arms=2)
    frame = forest.data(of)
    first = frame.iloc[0]
    wanted = scipy_stats.ttest_rel(of.seeds["arm 1", "task 0"], of.seeds["arm 0", "task 0"]).confidence_interval()
    assert (first["low"], first["high"]) == pytest.approx(tuple(wanted))
    last = frame.iloc[-1]
    assert last["mean"] == pytest.approx(frame["mean"][:-1].mean())
    assert np.isnan(last["low"])
    assert "best on 3 of 3 tasks" in forest.caption(frame, of)


def test_a_profile_is_the_share_of_runs_above_each_score() -> None:
    of = of_means(np.array([[1.0, 1.0], [0.5, 0.7]]))
    frame = profile.data(of)
    assert frame.loc[frame["arm"] == "1", ["score", "share"]].to_numpy().tolist() == [[0.5, 0.5], [0.7, 0], [1, 0]]
    assert "low" not in frame
    assert "low" in profile.data(made(2))


def improves(seeds: list[list[list[float]]]) -> float:
    """What the table says of the arm that is not the leader, of one task or several with these scores of its seeds."""
    found = {("ab"[arm], str(t)): pd.Series(pair[arm]) for t, pair in enumerate(seeds) for arm in range(2)}
    of = Scores(("a", "b"), tuple(map(str, range(len(seeds)))), found)
    assert of.leader == "a"
    place = table(of).columns.index("better than a")
    return float(table(of).rows[1].cells[place].data)


def test_the_probability_of_improvement_is_mann_and_whitneys_u() -> None:
    """P(X > Y) + P(X = Y) / 2 of each task is U / (n m); of normal scores a known integral."""
    leader, other = [0.9, 0.8, 0.7, 0.9], [0.6, 0.8, 0.85]
    share = scipy_stats.mannwhitneyu(other, leader).statistic / 12
    assert improves([[leader, other]]) == pytest.approx(share)
    assert improves([[leader, other], [[1.0, 1.0], [0.0]]]) == pytest.approx(share / 2)  # the mean over tasks
    normal = scipy_stats.norm.ppf((np.arange(400) + 0.5) / 400)
    wanted = scipy_stats.norm.cdf(-0.5 / np.sqrt(2))
    assert improves([[list(normal + 0.5), list(normal)]]) == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("n", [4, 5, 7, 12, 30])
def test_the_interquartile_mean_is_scipys_trimmed_mean(n: int) -> None:
    values = np.random.default_rng(n).normal(size=(3, n))
    assert iqm(values) == pytest.approx(scipy_stats.trim_mean(values, 0.25, axis=1))


def test_the_interquartile_mean_of_a_uniform_and_a_skewed_distribution() -> None:
    """The middle half of an exponential: 2 ∫ −ln(1 − u) du from 1/4 to 3/4."""
    at = (np.arange(10_000) + 0.5) / 10_000
    assert iqm(at**2) == pytest.approx(2 * (0.75**3 - 0.25**3) / 3, abs=1e-4)
    wanted = 2 * ((0.25 * np.log(0.25) - 0.25) - (0.75 * np.log(0.75) - 0.75))
    assert iqm(-np.log1p(-at)) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("n", [6, 8, 15])
def test_signed_ranks_are_scipys_where_nothing_is_equal(n: int) -> None:
    gaps = np.random.default_rng(n).normal(0.4, 1, n)
    assert ranks.signed_ranks(gaps) == pytest.approx(scipy_stats.wilcoxon(gaps, method="exact").pvalue)


def test_each_task_weighs_alike_whatever_seeds_it_has() -> None:
    few, many = np.array([1.0, 1, 1]), np.zeros(9)
    assert iqm(pooled([few, many])) == pytest.approx(0.5)
    assert iqm(pooled([np.arange(4.0), np.arange(4.0) + 4])) == 3.5


def compared(folder: Path, task: str, chance: float | None) -> Runs:
    """The test loss of an RNN is 1.01 at its better rate, that of a GRU 2.01."""
    for cell, loss in (("rnn", 1.0), ("gru", 2.0)):
        for rate, seed in itertools.product((0.1, 0.2), range(3)):
            store = RunStore(
                records.run(folder, loss + rate - 0.1, task=task, cell=cell, seed=seed, optimizer__lr=rate)
            )
            record = store.record()
            assert record is not None
            declared = {"loss": Declaration("nats", "min", chance)}
            store.finish(dataclasses.replace(record, declared=declared))
    return Runs(collect([folder]))


@pytest.mark.parametrize(
    ("chance", "said"), [(0.9, "no arm is better than chance: c."), (None, "the chance level is not known: c.")]
)
def test_a_task_that_no_arm_has_learned_has_no_scores(chance: float | None, said: str, tmp_path: Path) -> None:
    """Over chance at .9, the loss 2.01 would score ten times what 1.01 does."""
    tasks = {"a": 5.0, "b": 3.0, "c": chance}
    found = scores(
        tuned_comparisons([compared(tmp_path / t, t, c) for t, c in tasks.items()], None, {}, DesignOptions())
    )
    assert found is not None
    assert found.tasks == ("a", "b")
    assert found.means[found.arms.index("RNN")] == pytest.approx([1, 1])
    assert any(note.endswith(said) for note in table(found).notes)
