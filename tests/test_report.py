"""The report of records that were never trained: what it counts, what it says, and what it refuses."""

import itertools
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import records
from conftest import ROOT

from rnnsweep import planned
from rnnsweep.errors import ReportError
from rnnsweep.planned import STATES
from rnnsweep.record import RunStore
from rnnsweep.report import (
    baselines,
    cli,
    latex_table,
    listings,
    provenance_tables,
    published_findings,
    published_values,
    reservations,
)
from rnnsweep.report.analysis import analyse, searched_keys
from rnnsweep.report.collect import collect
from rnnsweep.report.divergence import Divergence, count_divergence
from rnnsweep.report.effect_tables import effect_table
from rnnsweep.report.equal_cost import at_equal
from rnnsweep.report.equal_cost_table import equal_cost_table
from rnnsweep.report.fanova import importance
from rnnsweep.report.headline import headline
from rnnsweep.report.leaderboard import leaderboard
from rnnsweep.report.matched_runs import MatchedRuns
from rnnsweep.report.numbers import ratios, spread
from rnnsweep.report.pairs import is_mixed
from rnnsweep.report.pictures import picture
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.runs import Runs
from rnnsweep.report.sentences import effect_sentence
from rnnsweep.report.setting_labels import labels
from rnnsweep.report.setting_ranks import ranked_entries
from rnnsweep.report.stats import Interval
from rnnsweep.report.subject import Subject
from rnnsweep.report.summaries import read_summary
from rnnsweep.report.table import anchor
from rnnsweep.report.views import budget, effect
from rnnsweep.secrets import redacted

pytestmark = pytest.mark.usefixtures("figures_not_drawn")


def made(study: Path, *arguments: str) -> Path:
    """The report of a study; returns its directory."""
    out = study.parent / "report"
    cli.main([str(study), "--out", str(out), *arguments])
    return out


def runs_of(study: Path) -> Runs:
    return Runs(collect([study]))


def said(runs: Runs, key: str, level: str, baseline: str, margin: float = 0.01) -> str:
    metric = runs.metric(None)
    effects = MatchedRuns(runs, runs.settings.factor(key), metric).against(baseline)
    return next(effect_sentence(e, metric, margin) for e in effects if e.level == level)


# Accounting ------------------------------------------------------------------------------------------------------


def test_every_planned_run_is_counted_once(tmp_path: Path) -> None:
    study = tmp_path / "study"
    planned = [records.config(seed=seed) for seed in range(7)]
    records.plan(study, *planned)
    for seed, status in enumerate(("complete", "diverged", "failed", "pruned")):
        records.run(study, 1.0, status, seed=seed)
    for seed in (4, 5):
        store = RunStore(study / records.name(planned[seed]))
        store.path.mkdir()
        store.write("config.json", json.dumps(planned[seed]))
    alive = RunStore(study / records.name(planned[5]))
    assert alive.claim()
    runs = runs_of(study)
    alive.release()
    assert dict(runs.counts()) == dict.fromkeys(STATES, 1)
    assert str(run_counts(runs, [0])) == (
        "1 of 7 runs; left out: 1 diverged, 1 failed, 1 pruned, 1 interrupted, 1 running, 1 missing."
    )
    out = made(study)
    table = pd.read_csv(out / "tables" / "accounting.csv")
    assert table[list(STATES)].sum(axis=1)[0] == table["planned"][0] == 7
    assert len(pd.read_csv(out / "tables" / "runs-charlm.csv")) == 7


def test_a_search_that_has_begun_misses_the_rest_of_its_trials(tmp_path: Path) -> None:
    study = tmp_path / "search"
    records.run(study, 1.0, seed=0)
    (study / ".study").mkdir()
    search = {"n_trials": 3, "seeds": [0, 1], "metrics": ["val/loss"], "groups": {}, "identities": {}, "bases": {}}
    (study / ".study" / "search-0.json").write_text(json.dumps(search | {"sampler": "random"}))
    assert collect([study])["state"].value_counts().to_dict() == {"missing": 5, "complete": 1}


@pytest.mark.parametrize(("sampler", "says"), [("random", "fANOVA"), ("tpe", "the search was guided")])
def test_only_a_random_search_has_a_forest(tmp_path: Path, sampler: str, says: str) -> None:
    study, drawn = tmp_path / "search", np.random.default_rng(0)
    for _ in range(40):
        rate, size = float(10 ** drawn.uniform(-4, -1)), int(drawn.integers(8, 200))
        records.run(study, 2.0 + abs(math.log10(rate) + 2), optimizer__lr=rate, cell__hidden_size=size)
    (study / ".study").mkdir()
    search = {"n_trials": 40, "seeds": [0], "metrics": ["val/loss"], "groups": {}, "identities": {}, "sampler": sampler}
    space = {"optimizer.lr": {}, "cell.hidden_size": {}}
    (study / ".study" / "search-0.json").write_text(json.dumps(search | {"bases": {"": [{}, space]}}))
    out = made(study)
    assert says in (out / "report.md").read_text()
    assert (out / "tables" / "fanova-charlm.csv").exists() == (sampler == "random")
    if sampler == "random":
        found = pd.read_csv(out / "tables" / "fanova-charlm.csv").set_index("setting")["share"]
        assert found["optimizer.lr"] > 0.9
        assert found["interactions"] < 0.1
        assert found.sum() == pytest.approx(1)


def test_a_search_that_went_on_with_another_sampler_was_guided(tmp_path: Path) -> None:
    (tmp_path / ".study").mkdir()
    search = {"seeds": [0], "metrics": ["val/loss"], "groups": {}, "identities": {}, "bases": {"": [{}, {"a.b": {}}]}}
    for count, sampler in ((4, "tpe"), (8, "random")):
        file = tmp_path / ".study" / f"search-{count}.json"
        file.write_text(json.dumps(search | {"n_trials": count, "sampler": sampler}))
        os.utime(file, (count, count))
    assert searched_keys([str(tmp_path)]) == {"tpe": ["a.b"], "random": ["a.b"]}
    assert [known.n_trials for known in planned.searched(tmp_path)] == [8]


def test_a_run_in_two_directories_counts_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        records.run(tmp_path / name, 1.0)
    frame = collect([tmp_path / "a", tmp_path / "b"])
    assert len(frame) == 1
    assert frame.attrs["twice"] == 1


def test_a_run_that_came_out_otherwise_elsewhere_is_told_and_the_order_of_the_folders_decides_nothing(
    tmp_path: Path,
) -> None:
    for seed in range(3):
        records.run(tmp_path / "small", 1.0 + seed, seed=seed)
        records.run(tmp_path / "large", 1.0 + seed + (0.5 if seed == 1 else 1e-9), seed=seed)
    records.run(tmp_path / "large", 9.0, seed=3)
    paths = [tmp_path / "small", tmp_path / "large"]
    for order in (paths, paths[::-1]):
        frame = collect(order)
        assert frame.set_index("seed")["val/loss"].to_dict() == pytest.approx({0: 1.0, 1: 2.5, 2: 3.0, 3: 9.0})
        assert frame.attrs["twice"] == 3
        assert [Path(row["study"]).name for row in frame.attrs["differing"]] == ["large", "small"]
    table = provenance_tables.not_reproduced(frame.attrs["differing"])
    assert table is not None
    assert list(table.frame()["val/loss"]) == [2.5, 2.0]
    assert list(table.frame()["commit"]) == ["abc", "abc"]
    frame.attrs["twice"] = 3
    (warning, *_) = reservations.of(frame)
    assert "3 runs lie in several" in warning
    assert "1 of them" in warning


def test_looking_at_a_run_leaves_it_as_it_is(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    assert not store.held()
    assert not store.path.exists()
    assert store.claim()
    assert RunStore(tmp_path / "run").held()
    store.release()
    assert not store.held()


# Effects ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def misleading(tmp_path: Path) -> Path:
    """The LSTM is better in every setting, and its mean is worse: it was run more often where all do badly."""
    study = tmp_path / "misleading"
    noise = np.random.default_rng(0)
    for size, loss in ((16, 3.0), (32, 2.0), (64, 1.5), (128, 1.2)):
        for cell, gain in (("gru", 0.0), ("lstm", 0.05)):
            seeds = range(9) if (cell == "lstm") == (size == 16) else range(3)
            for seed in seeds:
                records.run(study, loss - gain + noise.normal(0, 0.005), cell=cell, cell__hidden_size=size, seed=seed)
    return study


def test_matched_pairs_say_lstm_where_marginals_say_gru(misleading: Path) -> None:
    runs = runs_of(misleading)
    values, cell = runs.values("val/loss"), runs.frame["cell"].to_numpy()
    assert values[cell == "gru"].mean() < values[cell == "lstm"].mean()
    sentence = said(runs, "cell", "lstm", "gru")
    assert sentence.startswith("LSTM beats GRU by 0.0466 nats [0.0417, 0.0516]"), sentence
    assert "t over 3 seeds, these 4 settings only" in sentence
    assert "better in 3 of 3" in sentence
    page = (made(misleading) / "report.md").read_text()
    assert "LSTM beats GRU" in page
    assert "GRU beats" not in page


def test_an_effect_is_that_of_scipys_paired_t(misleading: Path) -> None:
    from scipy import stats

    runs = runs_of(misleading)
    (effect,) = MatchedRuns(runs, runs.settings.factor("cell"), runs.metric(None)).against("gru")
    table = runs.frame.assign(value=runs.values("val/loss").astype(float))
    table = table.pivot_table(
        index=["cell.hidden_size", "seed"], columns="cell", values="value", aggfunc="mean"
    ).dropna()
    by_seed = table.groupby("seed").mean()  # seeds do alike in all settings: their means over settings are the sample
    theirs = stats.ttest_rel(by_seed["lstm"], by_seed["gru"])
    assert effect.interval.p == pytest.approx(theirs.pvalue)
    assert effect.interval.low == pytest.approx(theirs.confidence_interval().low)
    assert effect.settings == 4


def test_a_ratio_and_the_ends_of_its_interval_have_one_form() -> None:
    def shown(*values: float) -> str:
        mean, low, high = map(math.log, values)
        return ratios(Interval(mean, low, high, 3, 0.5))

    assert shown(0.174, 0.0269, 1.12) == "× 0.174 [0.0269, 1.12]"  # not [0.0269, +12%]
    assert shown(0.61, 0.105, 3.59) == "× 0.61 [0.105, 3.59]"  # not −39% [× 0.105, × 3.59]
    assert shown(1.36, 1.2, 1.54) == "+36% [+20%, +54%]"


def test_the_captions_say_what_is_drawn(misleading: Path) -> None:
    runs = runs_of(misleading)
    factor, metric = runs.settings.factor("cell"), runs.metric(None)
    found = tuple(MatchedRuns(runs, factor, metric).against("gru"))
    subject = Subject(runs, metric, factor, margin=0.01, effects=found)
    frame = effect.data(subject)
    assert set(frame["unit"]) == {"seed"}  # four settings, and the dots are the seeds all the same
    caption = effect.caption(frame, subject)
    assert "the difference of a seed, as its mean over the settings" in caption, caption


def test_a_diverged_arm_does_not_make_clipping_irrelevant(tmp_path: Path) -> None:
    study = tmp_path / "clip"
    for index, rate in enumerate((1e-3, 3e-3, 1e-2, 3e-2)):
        for seed in range(5):
            lost = rate >= 1e-2 and seed < 4
            records.run(study, 2.0 + 0.001 * index, "diverged" if lost else "complete", optimizer__lr=rate, seed=seed)
            records.run(study, 2.0 + 0.001 * index, optimizer__lr=rate, seed=seed, train__clip=1.0)
    sentence = said(runs_of(study), "train.clip", "1", "null")
    assert "train.clip=1 diverged in 0%" in sentence
    assert "train.clip=null in 40% (8 of 20)" in sentence
    assert "train.clip=1 more often in 0 and less often in 2 of 4 settings; if" in sentence  # two settings: no test
    assert "if a diverged run ranks last, train.clip=1 is better in 2 of 2" in sentence
    assert "equivalent" not in sentence
    assert sentence.index("diverged") < sentence.index("Where both finished")
    assert "divergence differs" in (made(study) / "tables" / "ablation-charlm-train_clip.csv").read_text()


def test_one_seed_is_no_evidence_and_two_are_both_shown(tmp_path: Path) -> None:
    study = tmp_path / "few"
    for cell, loss in (("gru", 2.0), ("lstm", 1.5)):
        records.run(study, loss, cell=cell, seed=0)
    assert said(runs_of(study), "cell", "lstm", "gru").endswith("single run: no evidence of a difference.")
    for cell, loss in (("gru", 2.1), ("lstm", 1.4)):
        records.run(study, loss, cell=cell, seed=1)
    runs = runs_of(study)
    assert "Δ = −0.500 and −0.700 nats (both seeds; two" in said(runs, "cell", "lstm", "gru")
    board = leaderboard(runs, runs.metric(None), {})
    assert not any(cell.bold for row in board.rows for cell in row.cells)
    assert board.rows[0].cells[3].text == "1.500 and 1.400"


def test_one_seed_of_many_settings_is_no_single_run(tmp_path: Path) -> None:
    for cell, size in itertools.product(("gru", "lstm"), (8, 16, 32)):
        records.run(tmp_path, 2.0 + 0.1 * (cell == "gru") + size / 100, cell=cell, seed=0, cell__hidden_size=size)
    told = said(runs_of(tmp_path), "cell", "lstm", "gru")
    assert told.endswith("one seed, mean over 3 settings: no evidence of a difference.")


def test_a_setting_that_is_called_random_has_effects_over_seeds_itself(tmp_path: Path) -> None:
    for cell, size, seed in itertools.product(("gru", "lstm"), (8, 16, 32), range(4)):
        gap = np.random.default_rng([size, seed]).normal(0, 0.01)
        records.run(tmp_path, 2.0 + size / 100 + gap, cell=cell, seed=seed, cell__hidden_size=size)
    runs = Runs(collect([tmp_path]), sampled=["cell.hidden_size"])
    sizes, cells = (
        MatchedRuns(runs, runs.settings.factor(key), runs.metric(None)).against(base)
        for key, base in (("cell.hidden_size", "8"), ("cell", "gru"))
    )
    assert [(effect.unit, len(effect.values)) for effect in (*sizes, *cells)] == [("seed", 4)] * 2 + [("setting", 3)]


def test_a_baseline_may_be_named_by_what_changes_together(tmp_path: Path) -> None:
    for (rate, clip), seed in itertools.product(((1.0, 0.1), (0.1, 1.0), (0.5, 10.0)), range(2)):
        records.run(tmp_path, 2.0 + rate, seed=seed, optimizer__lr=rate, train__clip=clip)
    runs = runs_of(tmp_path)
    for typed, level in (("train.clip=1", "0.1"), ("train.clip=10", "0.5"), ("optimizer.lr=1", "1")):
        assert baselines.baselines(runs, runs.factors, baselines.read([typed], [runs])) == {"optimizer.lr": level}
    with pytest.raises(ReportError, match=r"--baseline train.clip=2: no run of task charlm has this level"):
        baselines.baselines(runs, runs.factors, {"train.clip": "2"})
    with pytest.raises(ReportError, match=r"--baseline train.clip=1: optimizer.lr .* in other runs"):
        baselines.baselines(runs, runs.factors, {"optimizer.lr": "1", "train.clip": "1"})


def test_true_and_one_are_two_levels(tmp_path: Path) -> None:
    for value in (True, 1):
        records.run(tmp_path, 2.0, task__window=value)
    assert [factor.levels for factor in runs_of(tmp_path).factors] == [("1", "true")]


@pytest.mark.parametrize("random", [True, False])
def test_equal_values_have_no_variance_to_explain(random: bool, tmp_path: Path) -> None:
    """Values that differ by rounding only are equal; a forest of them cannot be grown."""
    for place, (rate, size) in enumerate(itertools.product((1e-3, 3e-3, 1e-2), (8, 16, 32, 64))):
        records.run(tmp_path, 2.0 + place * 1e-15, optimizer__lr=rate, cell__hidden_size=size)
    if random:
        search = {"n_trials": 12, "seeds": [0], "metrics": ["val/loss"], "groups": {}, "identities": {}}
        space = {"bases": {"": [{}, {"optimizer.lr": {}, "cell.hidden_size": {}}]}, "sampler": "random"}
        (tmp_path / ".study").mkdir()
        (tmp_path / ".study" / "search-0.json").write_text(json.dumps(search | space))
    runs = Runs(collect([tmp_path]), ["optimizer.lr", "cell.hidden_size"] if random else [])
    section = analyse(runs, [], None, {}, None, tmp_path / "report")
    answers = [answer for answer in section.answers if answer.title == "Where the variance comes from"]
    assert not any(answer.tables for answer in answers)
    assert [s for answer in answers for s in answer.sentences] == (
        ["All 12 finished trials have one value: there is no variance to explain."] if random else []
    )


def test_states_of_a_difference(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    cases = {"clear": 0.2, "differs": 0.012, "small": 0.004, "undecided": 0.0, "equivalent": 0.0}
    wide = {"clear": 0.01, "differs": 0.006, "small": 0.0005, "undecided": 0.05, "equivalent": 0.001}
    for state, gain in cases.items():
        study = tmp_path / state
        for seed in range(8):
            records.run(study, 2.0, cell="gru", seed=seed)
            records.run(study, 2.0 - gain + noise.normal(0, wide[state]), cell="lstm", seed=seed)
        runs = runs_of(study)
        (effect,) = MatchedRuns(runs, runs.settings.factor("cell"), runs.metric(None)).against("gru")
        assert effect.finding(0.01) == state
        assert "this setting only" in effect_sentence(effect, runs.metric(None), 0.01)


def test_a_difference_is_judged_by_its_interval_not_by_its_mean(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    for seed in range(8):
        records.run(tmp_path, 2.0, cell="gru", seed=seed)
        records.run(tmp_path, 1.988 + noise.normal(0, 0.006), cell="lstm", seed=seed)
    runs = runs_of(tmp_path)
    assert "; may be below 0.010)" in said(runs, "cell", "lstm", "gru", 0.01)
    assert "may be" not in said(runs, "cell", "lstm", "gru", 0.001)
    assert "LSTM beats GRU by less than 0.050:" in said(runs, "cell", "lstm", "gru", 0.05)


def test_rounding_is_no_evidence(tmp_path: Path) -> None:
    for seed in range(5):
        records.run(tmp_path, 2.0 + seed / 7, cell="gru", seed=seed)
        records.run(tmp_path, 2.0 + seed / 7 - 5.6e-17 * (seed + 5), cell="lstm", seed=seed)
        records.run(tmp_path, 2.0 + seed / 7 + 1e-8 * seed, cell="rnn", seed=seed)
    runs = runs_of(tmp_path)
    for level in ("lstm", "rnn"):
        assert said(runs, "cell", level, "gru") == f"{level.upper()} and GRU: identical in all 5 seeds."
    board = leaderboard(runs, runs.metric(None), {"cell": "gru"})
    assert [row.cells[1].bold for row in board.rows] == [True] * 3
    assert "0.000 in all 5" in {row.cells[5].text for row in board.rows}


def test_equal_accuracies_are_counted_not_tested(tmp_path: Path) -> None:
    for seed in range(3):
        for cell, right in (("rnn", 0.5), ("lstm", 1.0)):
            path = records.run(tmp_path, 1.0 - right, cell=cell, seed=seed)
            record = json.loads((path / "record.json").read_text())
            record["best"]["val/accuracy"] = right
            record["metric"] = {"name": "accuracy", "unit": "share", "direction": "max"}
            (path / "record.json").write_text(json.dumps(record))
    runs = runs_of(tmp_path)
    metric = runs.metric("val/accuracy")
    (effect,) = MatchedRuns(runs, runs.settings.factor("cell"), metric).against("rnn")
    sentence = effect_sentence(effect, metric, 0.01)
    assert sentence.startswith("LSTM beats RNN by 0.500 in all 3 seeds (LSTM 1.000, RNN 0.500 each time);")
    assert sentence.endswith("equal differences have no interval.")
    assert math.isnan(effect.adjusted)
    best = ranked_entries(runs, metric)[0]
    assert spread(best.interval, best.values) == "1.000 in all 3"


def test_settings_without_a_common_seed_have_finished_all_the_same(tmp_path: Path) -> None:
    for size, seeds in ((16, range(5)), (32, range(5, 10))):
        for seed in seeds:
            for cell, gain in (("gru", 0.0), ("lstm", size / 100)):
                records.run(tmp_path, 2.0 - gain + seed / 9, cell=cell, seed=seed, cell__hidden_size=size)
    sentence = said(runs_of(tmp_path), "cell", "lstm", "gru")
    assert "Δ = −0.160 and −0.320 nats (both settings; two" in sentence


def test_better_here_and_worse_there_is_mixed(tmp_path: Path) -> None:
    noise = np.random.default_rng(2)
    for size, gain in ((16, 0.1), (32, -0.1), (64, 0.1), (128, -0.1)):
        for seed in range(5):
            records.run(tmp_path, 2.0, cell="gru", seed=seed, cell__hidden_size=size)
            records.run(tmp_path, 2.0 - gain + noise.normal(0, 0.01), cell="lstm", seed=seed, cell__hidden_size=size)
    assert "is mixed" in said(runs_of(tmp_path), "cell", "lstm", "gru")


def test_what_follows_from_a_factor_is_not_held_equal_and_is_said(tmp_path: Path) -> None:
    for seed in range(3):
        for size in (16, 32):
            records.run(tmp_path / "s", 2.0, optimizer="adamw", optimizer__lr=1e-3, cell__hidden_size=size, seed=seed)
            records.run(tmp_path / "s", 1.8, optimizer="sgd", optimizer__lr=0.1, cell__hidden_size=size, seed=seed)
    runs = runs_of(tmp_path / "s")
    assert [factor.key for factor in runs.factors] == ["optimizer", "cell.hidden_size"]
    assert runs.settings.factor("optimizer").together == ("optimizer.lr",)
    assert said(runs, "optimizer", "sgd", "adamw").startswith("sgd beats adamw by 0.200")
    assert "always changes together with optimizer.lr" in (made(tmp_path / "s") / "report.html").read_text()


def test_a_setting_of_one_cell_alone_is_part_of_its_name(tmp_path: Path) -> None:
    for seed in range(3):
        records.run(tmp_path, 2.0, cell="gru", seed=seed)
        for bias in (0.0, 1.0):
            records.run(tmp_path, 1.9 - bias / 10, cell="lstm", cell__forget_bias=bias, seed=seed)
    factor = runs_of(tmp_path).settings.factor("cell")
    assert factor.levels == ("gru", "lstm (cell.forget_bias=0)", "lstm (cell.forget_bias=1)")
    assert "LSTM (cell.forget_bias=1) beats GRU by 0.200" in said(runs_of(tmp_path), "cell", factor.levels[2], "gru")


def test_levels_that_differ_are_told_apart(tmp_path: Path) -> None:
    """Digits beyond the sixth, null beside "null", true beside "true"; 1 and 1.0 are one level."""
    values = (0.001, 0.00100000001, None, "null", True, "true", 1, 1.0)
    for seed in range(3):
        for place, value in enumerate(values):
            records.run(tmp_path, 2.0 + place, seed=seed, task__length=value, cell__name=f"v{place}")
    runs = runs_of(tmp_path)
    factor = runs.settings._factor("task.length", (), ())
    assert factor.levels == ("null", "0.001", "0.00100000001", "1", "true", '"null"', '"true"')
    told = [runs.settings.describe(setting, ["cell.name"]) for setting in range(len(values))]
    assert {f"task.length={level}" for level in factor.levels} == set(told)
    numbers = pd.Series([0.1234567891234, 0.5])
    assert list(labels(numbers)) == ["0.123457", "0.5"]
    found = published_values.our_seeds(runs, runs.metric(None), "val/loss", {"task.length": 0.001})
    assert found is not None
    assert found.interval.mean == 2.0


def test_different_names_have_different_addresses(tmp_path: Path) -> None:
    names = ["-1", "+1", "Русский", "Ελληνικά", "日本", "a b", "a-b", "a/b", "_a", "a_", ""]
    assert len({anchor(name) for name in names}) == len(names)
    assert anchor("names_class", "cell.hidden_size") == "names_class-cell_hidden_size"
    for seed in range(3):
        for place, cell in enumerate(["gru", "-1", "+1", "Ж", "日", "0.5", "0_5"]):
            records.run(tmp_path, 2.0 + place + seed / 9, cell=cell, seed=seed)
    runs = runs_of(tmp_path)
    effects = MatchedRuns(runs, runs.settings.factor("cell"), runs.metric(None)).against("gru")
    table = listings.pairs(runs, effects, runs.metric(None))
    assert len({row.anchor for row in table.rows}) == 6
    assert all(row.anchor.isascii() for row in table.rows)


def test_settings_of_execution_are_no_factor(tmp_path: Path) -> None:
    for seed in range(3):
        records.run(tmp_path, 2.0, seed=seed, train__threads=seed)
    assert runs_of(tmp_path).factors == []


def test_at_equal_parameters_a_cell_is_interpolated(tmp_path: Path) -> None:
    """Losses that are linear in the log of the parameters, 0.1 apart: the difference at equal parameters is 0.1."""
    for seed in range(3):
        for size in (8, 16, 32, 64):
            for cell, gates, gain in (("rnn", 1, 0.0), ("gru", 3, 0.1)):
                loss = 5.0 - 0.2 * math.log(gates * size**2) - gain
                records.run(tmp_path, loss, cell=cell, cell__hidden_size=size, seed=seed)
    runs = runs_of(tmp_path)
    found, unit = at_equal(
        runs,
        runs.settings.factor("cell"),
        runs.settings.factor("cell.hidden_size"),
        "parameters",
        runs.metric(None),
        "gru",
        "rnn",
    )
    assert unit == "seed"
    assert found == pytest.approx([-0.1] * 3)


@pytest.mark.parametrize(("level", "baseline"), [("gru", "rnn"), ("rnn", "gru")])
def test_at_equal_parameters_every_size_within_the_range_counts(level: str, baseline: str, tmp_path: Path) -> None:
    """The baseline's losses are linear in the log of the parameters; the level is better by another gain at each size.

    Of the GRU the three smaller sizes (192, 768 and 3,072 parameters) lie within the RNN's 64 to 4,096, of the RNN the
    three larger ones (256, 1,024 and 4,096) within the GRU's 192 to 12,288.
    """
    gains = {8: 0.3, 16: 0.1, 32: 0.2, 64: 0.5}
    for seed in range(3):
        for size in gains:
            for cell, gates in (("rnn", 1), ("gru", 3)):
                loss = 5.0 - 0.2 * math.log(gates * size**2) - (gains[size] if cell == level else 0.0)
                records.run(tmp_path, loss, cell=cell, cell__hidden_size=size, seed=seed)
    runs = runs_of(tmp_path)
    cell, sizes = runs.settings.factor("cell"), runs.settings.factor("cell.hidden_size")
    found, _ = at_equal(runs, cell, sizes, "parameters", runs.metric(None), level, baseline)
    inside = (0.3, 0.1, 0.2) if level == "gru" else (0.1, 0.2, 0.5)
    assert found == pytest.approx([-sum(inside) / 3] * 3)


def test_settings_that_are_better_and_worse_are_counted(tmp_path: Path) -> None:
    """Better in two of four sizes, worse in one, equal in one: each has two seeds that agree."""
    for size, gain in ((8, 0.2), (16, 0.1), (32, 0.0), (64, -0.3)):
        for seed in range(2):
            records.run(tmp_path, 2.0, cell="gru", cell__hidden_size=size, seed=seed)
            records.run(tmp_path, 2.0 - gain, cell="lstm", cell__hidden_size=size, seed=seed)
    runs = runs_of(tmp_path)
    (effect,) = MatchedRuns(runs, runs.settings.factor("cell"), runs.metric(None)).against("gru")
    assert effect.ranked == (2, 1)
    assert (effect.settings, effect.seeds, effect.planned) == (4, (2, 2), 8)


def test_seeds_that_are_better_and_worse_are_counted(tmp_path: Path) -> None:
    for seed, gain in enumerate((0.2, 0.1, -0.3, 0.4, -0.1)):
        records.run(tmp_path, 2.0, cell="gru", seed=seed)
        records.run(tmp_path, 2.0 - gain, cell="lstm", seed=seed)
    runs = runs_of(tmp_path)
    (effect,) = MatchedRuns(runs, runs.settings.factor("cell"), runs.metric(None)).against("gru")
    assert (effect.better, effect.worse, effect.ranked) == (3, 2, (3, 2))


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_clear_on_one_side_alone_is_not_mixed(sign: float) -> None:
    """Two settings are clearly better (or worse), the third is the other way and may be chance."""
    noise = np.random.default_rng(0).normal(0, 0.01, 5)
    effects = (-0.2 + noise, -0.1 + noise, 0.05 + 30 * noise)
    done = pd.DataFrame(
        {
            "block": np.repeat(range(3), 5),
            "seed": [*range(5)] * 3,
            "difference": sign * np.concatenate(effects),
            "value": 2.0,
        }
    )
    assert done.groupby("block")["difference"].mean().pipe(np.sign).nunique() == 2
    assert not is_mixed(done)
    assert is_mixed(done.assign(difference=done["difference"].where(done["block"] > 0, -done["difference"])))


def divergence(pairs: pd.DataFrame) -> Divergence:
    """Of pairs with `block seed state state_base` that have no values."""
    return count_divergence(pairs.assign(value=1.0, value_base=1.0))


def test_divergence_is_tested_over_settings_whose_seeds_diverge_alike() -> None:
    """Each setting diverges with all its seeds or with none, on both sides with one rate: a finding in 5% at most."""
    drawn, found = np.random.default_rng(0), []
    for _ in range(200):
        lost = np.repeat(drawn.random((12, 2)) < 0.3, 5, axis=0)
        states = np.where(lost, "diverged", "complete")
        pairs = pd.DataFrame({"block": np.repeat(range(12), 5), "seed": [*range(5)] * 12})
        found.append(divergence(pairs.assign(state=states[:, 0], state_base=states[:, 1])))
    assert {each.unit for each in found} == {"setting"}
    assert np.mean([(each.p or 1) < 0.05 for each in found]) <= 0.05
    one = pd.DataFrame({"block": 0, "seed": range(8), "state": "diverged", "state_base": "complete"})
    assert divergence(one).p == pytest.approx(2 / 2**8)


def timed(study: Path, hosts: tuple[str, str]) -> Runs:
    """A GRU that takes twice an RNN's time, within 2%, on one host and on another."""
    for cell, host, seconds in (("rnn", hosts[0], 5.0), ("gru", hosts[1], 10.0)):
        for size in (16, 32, 64):
            path = records.run(study, 2.0 - size / 99, cell=cell, cell__hidden_size=size)
            record = json.loads((path / "record.json").read_text())
            record |= {"share_seconds": seconds * (1 + size / 3200 * (cell == "gru")), "seconds": 99.0}
            record["environment"] |= {"host": host, "kernel": "fused", "stack": 7}
            (path / "record.json").write_text(json.dumps(record))
    return runs_of(study)


@pytest.mark.parametrize(("gap", "bold"), [(-0.5, True), (0.5, False)])
def test_at_equal_cost_what_is_better_is_bold_and_not_what_is_worse(gap: float, bold: bool, tmp_path: Path) -> None:
    for cell, size, seed in itertools.product(("gru", "rnn"), (8, 16, 32, 64), range(4)):
        noise = np.random.default_rng([size, seed, len(cell)]).normal(0, 0.01)
        loss = 3 - math.log(size) / 10 + gap * (cell == "gru") + noise
        records.run(tmp_path, float(loss), cell=cell, seed=seed, cell__hidden_size=size)
    runs = runs_of(tmp_path)
    factors = [runs.settings.factor(key) for key in ("cell", "cell.hidden_size")]
    effects = MatchedRuns(runs, factors[0], runs.metric(None)).against("rnn")
    (row,) = equal_cost_table(runs, *factors, effects, runs.metric(None)).rows
    assert "p <.001" in row.cells[2].text
    assert row.cells[2].bold == bold


def test_time_is_compared_on_one_machine_alone_and_with_an_interval(tmp_path: Path) -> None:
    runs = timed(tmp_path / "one", ("a", "a"))
    metric, factor = runs.metric(None), runs.settings.factor("cell")
    effects = MatchedRuns(runs, factor, metric).against("rnn")
    table = effect_table(runs, factor, effects, metric, 0.01)
    assert re.fullmatch(r"× 2\.\d+ \[\+\d+%, 2\.\d+\]|× 2\.\d+ \[[\d.]+, 2\.\d+\]", table.rows[1].cells[-1].text)
    along = runs.settings.factor("cell.hidden_size")
    assert equal_cost_table(runs, factor, along, effects, metric).columns[-1] == "at equal time"
    drawn = picture("pareto", Subject(runs, metric, arms=factor))
    assert drawn is not None
    assert set(drawn.data["cost"]) == {"seconds", "parameters"}
    assert runs.frame["seconds"].max() < 11  # a run's own share, not its seconds by the last size of its stack

    runs = timed(tmp_path / "two", ("a", "b"))
    effects = MatchedRuns(runs, runs.settings.factor("cell"), metric).against("rnn")
    table = effect_table(runs, runs.settings.factor("cell"), effects, metric, 0.01)
    assert table.rows[1].cells[-1].text == "—"
    assert "Δ time: only from pairs that ran on one host" in table.notes[-1]
    table = equal_cost_table(
        runs, runs.settings.factor("cell"), runs.settings.factor("cell.hidden_size"), effects, metric
    )
    assert table.columns[-1] == "at equal parameters"
    drawn = picture("pareto", Subject(runs, metric, arms=runs.settings.factor("cell")))
    assert drawn is not None
    assert set(drawn.data["cost"]) == {"parameters"}


@pytest.mark.parametrize(
    ("half", "mean", "shown"),
    [
        (0.0217, 1.80442, "1.804 ± 0.022"),
        (0.0996, -0.0561, "−0.06 ± 0.10"),
        (0.147, -0.0003, "0.00 ± 0.15"),
        (123.4, 45678.9, "45,680 ± 120"),
        (4.21e-6, 5.5712e-5, "0.0000557 ± 0.0000042"),
        (4.21e-12, 5.5712e-9, "5.5712e−09 ± 4.2e−12"),
        (2.0, 12345678.0, "12,345,678.0 ± 2.0"),
    ],
)
def test_a_number_has_the_digits_that_its_interval_deserves(half: float, mean: float, shown: str) -> None:
    assert spread(Interval(mean, mean - half, mean + half, 3)) == shown


# Tables ----------------------------------------------------------------------------------------------------------


def test_perplexity_is_that_of_the_mean_loss(misleading: Path) -> None:
    runs = runs_of(misleading)
    table = pd.read_csv(made(misleading) / "tables" / "leaderboard-charlm.csv")
    assert list(table["ppl exp(mean)"]) == pytest.approx(list(np.exp(table["val/loss mean"])))
    assert list(table["ppl exp(low)"]) == pytest.approx(list(np.exp(table["val/loss low"])))
    best = ranked_entries(runs, runs.metric(None))[0]
    assert table["val/loss mean"][0] == pytest.approx(np.mean(best.values))
    assert table["test/loss (selected) mean"].notna().sum() == 1


def test_bold_is_the_best_and_what_is_not_told_from_it(tmp_path: Path) -> None:
    noise = np.random.default_rng(3)
    for seed in range(6):
        for size, loss, wide in ((16, 2.0, 0.01), (32, 1.5, 0.05), (64, 1.49, 0.05)):
            records.run(tmp_path, loss + noise.normal(0, wide), cell__hidden_size=size, seed=seed)
    runs = runs_of(tmp_path)
    board = leaderboard(runs, runs.metric(None), {})
    assert {row.cells[1].text[-2:]: row.cells[1].bold for row in board.rows} == {"64": True, "32": True, "16": False}


def test_the_expected_best_is_no_better_than_the_best(tmp_path: Path) -> None:
    """A setting of which one lucky seed finished is not the best, so no draw of settings has it as its best."""
    for rate, seed in itertools.product((1e-3, 3e-3, 1e-2, 3e-2), range(3)):
        status = "diverged" if rate == 3e-2 and seed else "complete"
        records.run(tmp_path, 1.0 if rate == 3e-2 else 2.0 + rate, status, seed=seed, optimizer__lr=rate)
    runs = runs_of(tmp_path)
    said = headline(analyse(runs, [], None, {}, None, tmp_path / "report"))
    expected = np.mean([2.001, 2.003, 2.01])
    assert (
        f"A random configuration is expected to reach {expected:.3f}, and the best of 2 random ones 2.003."
        in " ".join(said)
    )
    assert budget.data(Subject(runs, runs.metric(None)))["expected best"].min() == pytest.approx(2.001)


def test_a_run_without_the_setting_that_varies_is_named_so(tmp_path: Path) -> None:
    for kind, loss in ((None, 1.0), ("a", 2.0), ("b", 3.0)):
        records.run(tmp_path, loss, seed=0, **({"task__kind": kind} if kind else {}))
    runs = runs_of(tmp_path)
    board = leaderboard(runs, runs.metric(None), {})
    assert [row.cells[1].text for row in board.rows] == ["without task.kind", "task.kind=a", "task.kind=b"]


@pytest.mark.parametrize(("first", "told"), [(0, False), (3, True)])
def test_settings_with_other_seeds_are_told(first: int, told: bool, tmp_path: Path) -> None:
    for cell, start in (("gru", 0), ("lstm", first)):
        for seed in range(start, start + 3):
            records.run(tmp_path, 2.0 + seed, cell=cell, seed=seed)
    runs = runs_of(tmp_path)
    notes = " ".join(leaderboard(runs, runs.metric(None), {}).notes)
    assert ("Not all settings have the same seeds" in notes) == told


def test_a_setting_of_which_one_seed_finished_is_not_the_best(tmp_path: Path) -> None:
    for seed in range(5):
        records.run(tmp_path, 2.0 + seed / 99, cell="gru", seed=seed)
        records.run(tmp_path, 1.0, "complete" if seed == 3 else "diverged", cell="lstm", seed=seed)
        records.run(tmp_path, 2.1 + seed / 99, "complete" if seed else "diverged", cell="rnn", seed=seed)
    runs = runs_of(tmp_path)
    assert [runs.settings.describe(s.setting) for s in ranked_entries(runs, runs.metric(None))] == [
        "GRU",
        "RNN",
        "LSTM",
    ]
    board = leaderboard(runs, runs.metric(None), {})
    assert board.rows[2].cells[3].text == "1 of 5: 4 diverged"
    assert "fewer than 80%" in board.notes[-1]


def test_each_table_says_what_it_leaves_out(misleading: Path) -> None:
    records.run(misleading, 1.0, "failed", cell="gru", cell__hidden_size=16, seed=50)
    runs = runs_of(misleading)
    section = analyse(runs, [], None, {}, None, misleading.parent)
    tables = [section.leaderboard, *(t for a in section.answers for t in a.tables)]
    tables = [table for table in tables if table is not None]
    assert len(tables) > 1
    for table in tables:
        used, total = map(int, re.match(r"(\d+) of (\d+) runs; left out: ", table.notes[0]).groups())  # type: ignore[union-attr]
        left = sum(map(int, re.findall(r"(\d+) [a-z]", table.notes[0].split("left out: ")[1])))
        assert total == len(runs.frame), table.name
        assert used + left == total, table.notes[0]


def test_unequal_tuning_effort_is_told(tmp_path: Path) -> None:
    for seed in range(3):
        for rate in (1e-3, 3e-3, 1e-2):
            records.run(tmp_path / "s", 2 - rate, cell="gru", optimizer__lr=rate, seed=seed)
        records.run(tmp_path / "s", 1.9, cell="lstm", seed=seed)
    assert (
        "Unequal tuning effort: configurations tried per level of cell: GRU 3, LSTM 1"
        in (made(tmp_path / "s") / "report.html").read_text()
    )


def test_many_levels_of_one_factor_leave_room_for_the_others(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    for seed in range(3):
        for level in range(14):
            records.run(tmp_path / "s", 3.0 - level / 20 + noise.normal(0, 0.01), task__kind=f"k{level}", seed=seed)
        records.run(tmp_path / "s", 2.9 + noise.normal(0, 0.01), task__kind="k0", cell="rnn", seed=seed)
    runs = runs_of(tmp_path / "s")
    section = analyse(runs, ["cell", "task.kind"], None, {}, None, tmp_path)
    assert any("GRU" in said for said in section.headline[-5:])
    said = [answer.sentences for answer in section.answers if any("task.kind" in text for text in answer.sentences)]
    assert max(map(len, said)) <= 11
    assert said[0][-1] == "3 more levels of task.kind are in the table."


def test_a_choice_on_the_test_part_is_called_one(misleading: Path) -> None:
    runs = runs_of(misleading)
    section = analyse(runs, ["cell"], "test/loss", {}, None, misleading.parent)
    said = " ".join(section.headline)
    assert "Best of 8 configurations on the test part: " in said
    assert "chosen on the test part, so its value there is biased: too good" in said
    assert section.leaderboard is not None
    captions = [picture.caption for answer in section.answers for picture in answer.pictures]
    assert "validation" not in " ".join([said, *section.leaderboard.notes, *section.leaderboard.columns])
    assert not any("best on validation" in caption for caption in captions)


def test_the_gap_is_to_a_training_loss_without_dropout_or_is_left_out(tmp_path: Path) -> None:
    path = records.run(tmp_path / "study", 1.0)  # its last training loss is one under dropout
    board = leaderboard(runs := runs_of(tmp_path / "study"), runs.metric(None), {})
    assert "gap" not in board.columns
    assert "val/gap" not in runs.frame
    record = json.loads((path / "record.json").read_text())
    record["best"]["train/loss"] = 0.75
    (path / "record.json").write_text(json.dumps(record))
    board = leaderboard(runs := runs_of(tmp_path / "study"), runs.metric(None), {})
    assert board.frame()["gap"][0] == 0.25
    assert "without dropout" in board.notes[-1]


def recorded(study: Path, metric: str, /, **changes: Any) -> Runs:
    """Three runs with values of a metric, whose records are changed."""
    for seed, value in enumerate((0.3, 0.9, 0.5)):
        path = records.run(study, 1.0, seed=seed, cell=f"cell{seed}")
        record = json.loads((path / "record.json").read_text()) | changes
        record["best"][metric] = value
        (path / "record.json").write_text(json.dumps(record))
    return runs_of(study)


@pytest.mark.parametrize(("direction", "best"), [("max", 0.9), ("min", 0.3)])
@pytest.mark.parametrize("metric", ["val/auc", "test/r2", "val/bleu", "val/f1/macro", "val/wer", "val/error"])
def test_the_record_says_which_way_is_better(metric: str, direction: str, best: float, tmp_path: Path) -> None:
    name = metric.split("/", 1)[1]
    runs = recorded(tmp_path, metric, declared={name: {"unit": "share", "direction": direction}})
    chosen = runs.metric(metric)
    assert chosen.unit == "share"
    (first, *_) = ranked_entries(runs, chosen)
    assert list(first.values) == [best]


@pytest.mark.parametrize("declared", [{}, {"loss": {"unit": "nats", "direction": "min"}}])
def test_a_metric_that_no_record_declares_is_refused(declared: dict[str, Any], tmp_path: Path) -> None:
    runs = recorded(tmp_path, "val/auc", declared=declared)
    with pytest.raises(ReportError, match=r"val/auc: no record says which way `auc` is better; .* `Metric\("):
        runs.metric("val/auc")
    assert runs.metric(None).lower


def test_a_reference_value_and_a_contradiction_are_refused(tmp_path: Path) -> None:
    runs = recorded(tmp_path / "a", "val/auc", declared={"auc": {"unit": "", "direction": None}})
    with pytest.raises(ReportError, match="`auc` is a reference value"):
        runs.metric("val/auc")
    recorded(tmp_path / "b" / "one", "val/auc", declared={"auc": {"unit": "", "direction": "min"}})
    for path in (tmp_path / "a").iterdir():
        record = json.loads((path / "record.json").read_text())
        record["declared"]["auc"]["direction"] = "max"
        record["config"]["cell"]["hidden_size"] = 64
        (tmp_path / "b" / f"{path.name}-x").mkdir()
        (tmp_path / "b" / f"{path.name}-x" / "record.json").write_text(json.dumps(record))
    with pytest.raises(ReportError, match="some runs declare that a lower `auc` is better, others a higher one"):
        runs_of(tmp_path / "b").metric("val/auc")


@pytest.mark.parametrize(
    ("metric", "best"),
    [("test/controllability", 0.9), ("test/free_mse", 0.3), ("val/exact", 0.9), ("test/accuracy_256", 0.9)],
)
def test_records_from_before_metrics_were_declared_can_be_compared(metric: str, best: float, tmp_path: Path) -> None:
    """By the metrics of rnnsweep's own tasks, and by what their task is judged by; and the report says so."""
    runs = recorded(tmp_path / "study", metric, declared={})
    (first, *_) = ranked_entries(runs, runs.metric(metric))
    assert list(first.values) == [best]
    assert runs.metric("val/loss").unit == "nats"
    theirs = {"name": "mine", "unit": "points", "direction": "max"}
    assert not recorded(tmp_path / "other", "val/mine", declared={}, metric=theirs).metric("val/mine").lower
    if metric == "val/exact":
        assert "3 runs were recorded before tasks declared" in (made(tmp_path / "study") / "report.md").read_text()


@pytest.mark.drawn
def test_what_the_best_model_shows_is_drawn(tmp_path: Path) -> None:
    """Confusion, attention, accuracy by length and predictions, of the best seed, whatever the names are made of."""
    shown = {
        "confusion": {"labels": [HOSTILE, "b"], "counts": [[3, 1], [0, 4]]},
        "attention": {"source": "a$$", "target": "$", "weights": [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]},
        "by_length": [{"length": 4, "exact": 1.0, "test": 9}, {"length": 8, "exact": 0.25, "test": 9}],
        "predictions": {"truth": [0.1, 0.2], "answer": [0.15, 0.1]},
        "decoding": {"beam_size": 1, "exact": 0.5},
    }
    for seed in range(3):
        best = records.run(tmp_path / "study", 2.0 - seed / 10, summary=shown if seed == 2 else {}, seed=seed)
    (best / "attention.png").write_bytes(b"drawn anew from the data")
    out = made(tmp_path / "study")
    for name in ("confusion", "attention", "by-length", "fit"):
        assert (out / "figures" / f"{name}-charlm.svg").exists()
    assert (out / "figures" / "attention-charlm.csv").read_text().splitlines()[1] == "0.2,0.3,0.5,$"
    assert best.name in (out / "report.html").read_text()


# Untrusted text --------------------------------------------------------------------------------------------------

HOSTILE = "</script><script>alert(1)</script>|`x`*b*\\input{/etc/passwd}$x^2$%_&#~<b>"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    study = tmp_path / "hostile"
    for seed in range(3):
        shown = {"samples": [{"prompt": HOSTILE, "temperature": 0.8, "top_k": 0, "text": HOSTILE + "\n# title"}]}
        for cell in ("gru", HOSTILE):
            records.run(study, 2.0 + seed / 10, summary=shown, cell=cell, task__kind=HOSTILE, seed=seed, rows=2)
        records.run(study, 2.0, "failed", cell="lstm", task__kind="plain", seed=seed)
    return study


@pytest.mark.drawn
def test_nothing_in_a_run_injects_html(hostile: Path) -> None:
    page = (made(hostile) / "report.html").read_text()
    assert page.count("<script>") == 1
    assert page.count("</script>") == 1
    assert "alert(1)&lt;/script&gt;" in page
    assert "<b>|" not in page
    assert "script-src 'sha256-" in page
    assert "<link" not in page
    assert not re.search(r'(?:src|href)="https?:', page)


def test_nothing_in_a_run_injects_latex_or_markdown(hostile: Path) -> None:
    out = made(hostile)
    for file in (out / "tables").glob("*.tex"):
        text = file.read_text()
        assert r"\input{" not in text, file
        assert r"\toprule" in text
        body = text.split(r"\midrule")[1]
        assert not re.search(r"(?<!\\)[%#_]", body), file
    page = (out / "report.md").read_text()
    tables = [line for line in page.splitlines() if line.startswith("| ")]
    assert tables
    for line in tables:
        assert "<script>" not in line
        assert not re.search(r"(?<!\\)`", line)
    assert "\n# title" not in page


def test_a_cell_of_latex_is_text() -> None:
    from rnnsweep.report.table import Table, rows_of

    table = Table("t", "A & B", ("a_b", "c"), rows_of((r"\input{x}", "50% ± 1")))
    text = latex_table.table(table)
    assert r"\textbackslash{}input\{x\}" in text
    assert r"50\% $\pm$ 1" in text
    assert r"\caption{A \& B}" in text
    assert r"a\_b" in text


# Bad input -------------------------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    with pytest.raises(SystemExit) as exit_:
        cli.main([str(argument) for argument in arguments])
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_bad_input_is_named(tmp_path: Path, misleading: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    other.mkdir()
    (other / "photo.jpg").touch()
    out = ("--out", tmp_path / "r")
    assert "no such directory" in refused(capsys, tmp_path / "nowhere", *out)
    assert "the directory is empty" in refused(capsys, empty, *out)
    assert "there is no run here" in (found := refused(capsys, other, *out))
    assert "photo.jpg" in found
    assert "no run of task charlm has it; these runs have val/loss" in refused(
        capsys, misleading, "--metric", "val/f1", *out
    )
    assert "what varies: cell, cell.hidden_size" in refused(capsys, misleading, "--by", "cell.hiden", *out)
    assert "has one value in all these runs" in refused(capsys, misleading, "--by", "optimizer.lr", *out)
    assert "there are gru, lstm" in refused(capsys, misleading, "--baseline", "cell=rnn", *out)
    assert "did you mean lstm? there are gru, lstm" in refused(capsys, misleading, "--baseline", "cell=lstn", *out)
    twice = ("--baseline", "cell=gru", "--baseline", "cell=lstm")
    assert "--baseline cell=lstm: cell=gru is given too" in refused(capsys, misleading, *twice, *out)
    assert "expected KEY=LEVEL" in refused(capsys, misleading, "--baseline", "cell", *out)
    assert not (tmp_path / "r").exists()


def test_a_baseline_of_several_tasks_is_never_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, lr, task in itertools.product(range(3), (1e-3, 1e-2), ("charlm", "parity")):
        for cell in ("gru", "lstm") if task == "charlm" else ("gru",):
            records.run(tmp_path / "s", 1.0 + lr, cell=cell, task=task, seed=seed, optimizer__lr=lr)
    asked = (tmp_path / "s", "--out", tmp_path / "r", "--baseline")
    assert "--baseline cel: no run has this setting" in refused(capsys, *asked, "cel=gru")
    assert "--baseline cell=lstn: no run of task charlm" in refused(capsys, *asked, "cell=lstn")
    levels = ("--baseline", "cell=lstm", "--baseline", "optimizer.lr=1e-2")
    page = (made(tmp_path / "s", *levels) / "report.md").read_text()
    assert page.count("0.01 | baseline") == 2
    assert page.count("LSTM | baseline") + page.count("lstm | baseline") == 1


def test_records_torn_by_a_kill_are_told(misleading: Path) -> None:
    torn = sorted(misleading.iterdir())[:3]
    (torn[0] / "record.json").write_text('{"run": "x", "sta')
    (torn[1] / "record.json").write_text('{"run": "x"}')
    (torn[2] / "record.json").unlink()
    with (torn[2] / "metrics.jsonl").open("w") as rows:
        rows.write('{"step": 5, "split": "val", "loss": 1.0}\n{"step": 10, "sp')
    runs = runs_of(misleading)
    assert runs.counts()["interrupted"] == 3
    assert int(runs.frame.loc[runs.frame["run"] == torn[2].name, "steps"].iloc[0]) == 5
    page = (made(misleading) / "report.html").read_text()
    assert f"{torn[0].name}: its record.json is damaged." in page
    assert f"{torn[1].name}: its record.json is damaged." in page


DAMAGED = [
    {"confusion": {"labels": ["a", "b"], "counts": [[1, 2], ["x", 3]]}},
    {"confusion": {"labels": ["a"], "counts": [[1, 2], [3, 4]]}},
    {"attention": {"source": "ab", "target": "c", "weights": [[0.5, 0.5]]}},
    {"predictions": {"truth": [1.0, 2.0], "answer": [1.0]}},
    {"by_length": [{"length": "four"}]},
    {"samples": ["text"]},
    {"measures": [{"temperature": []}]},
    {"context": {"by_context": [{"length": 3}]}},
]


@pytest.mark.parametrize("shown", DAMAGED, ids=lambda shown: next(iter(shown)))
def test_a_damaged_view_is_left_out_and_told(
    shown: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = records.run(tmp_path, 1.0, summary=shown | {"forecast": {"truth": [1.0, None], "free": [1, 2]}, "own": 3})
    found = read_summary(str(path))
    assert found.keys() == {"forecast", "own"}
    assert found["forecast"]["free"] == [1, 2]
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{path}: its record's {next(iter(shown))} does not have the shape" in line


def test_a_record_whose_metric_makes_no_sense_is_read(tmp_path: Path) -> None:
    path = records.run(tmp_path, 1.0)
    record = json.loads((path / "record.json").read_text())
    (path / "record.json").write_text(json.dumps(record | {"metric": {"name": [1], "unit": {}, "direction": 3}}))
    assert runs_of(tmp_path).metric(None).name == "val/loss"


def test_tasks_have_a_section_each(tmp_path: Path) -> None:
    for seed in range(3):
        records.run(tmp_path / "s", 2.0, seed=seed)
        records.run(tmp_path / "s", 0.5, task="parity", seed=seed)
    page = (made(tmp_path / "s") / "report.html").read_text()
    assert 'id="task-charlm"' in page
    assert 'id="task-parity"' in page


def test_nothing_finished_yet_is_a_report_too(tmp_path: Path) -> None:
    study = tmp_path / "study"
    records.plan(study, *(records.config(cell=cell, seed=seed) for cell in ("gru", "lstm") for seed in range(3)))
    page = (made(study) / "report.html").read_text()
    assert "6 runs were planned: 6 missing." in page
    assert "None of the 3 matched pairs of LSTM and GRU has finished" in page


def failures_of(study: Path) -> pd.DataFrame:
    table = listings.failures(runs_of(study))
    assert table is not None
    return table.frame().set_index("which")


def test_failures_come_with_the_command_that_reruns_them(tmp_path: Path) -> None:
    study = tmp_path / "study"
    records.plan(study, records.config(seed=1))
    records.run(study, 1.0, "failed", seed=1)
    other = records.run(study, 1.0, "failed", seed=2)
    text = (other / "record.json").read_text()
    (other / "record.json").write_text(text.replace("ValueError: broken", f"OSError: {other.name} is full"))
    table = failures_of(study)
    planned = records.name(records.config(seed=1))
    assert table.loc[planned, "command"] == f"python -m rnnsweep seed=1 out={study}"
    assert "cell=gru" in table.loc[other.name, "command"]
    assert "seed=2" in table.loc[other.name, "command"]
    assert table.loc[planned, "why"] == "ValueError: broken"
    assert table.loc[other.name, "why"] == "OSError: … is full"


def test_equal_failures_are_one_row_with_their_count_and_one_command(tmp_path: Path) -> None:
    names = [records.run(tmp_path / "study", 1.0, "failed", seed=seed).name for seed in range(200)]
    records.run(tmp_path / "study", 1.0, "diverged", seed=300)
    table = failures_of(tmp_path / "study")
    assert list(table["runs"]) == [200, 1]
    assert list(table["why"]) == ["ValueError: broken", "diverged by step 5"]
    assert set(table.index[0].split("; ")) == set(names)
    assert table["command"].iloc[0] == "python -m rnnsweep -m seed=0"
    assert "seed=300" in table["command"].iloc[1]


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    path = records.run(tmp_path / "study", 1.0, "failed", task__text="https://me:secret@host/a?token=secret")
    record = json.loads((path / "record.json").read_text())
    record["environment"]["command"] += ["hydra.sweeper.storage=postgresql://me:secret@host/db?password=secret"]
    record["error"] = "Error: cannot reach 'postgresql://me:secret@host:5432/db'"
    (path / "record.json").write_text(json.dumps(record))
    frame = collect([tmp_path / "study"])
    assert not any("secret" in str(value) for value in frame.iloc[0] if value != str(path))
    assert frame["error"][0] == "Error: cannot reach 'postgresql://me:***@host:5432/db'"
    assert frame["task.text"][0] == "https://me:***@host/a?***"
    assert "user@host" in redacted("postgresql+psycopg://user@host/database")


# The whole -------------------------------------------------------------------------------------------------------


def test_a_report_never_imports_torch(misleading: Path) -> None:
    code = "import sys; from rnnsweep.report import cli; cli.main(sys.argv[1:]); assert 'torch' not in sys.modules"
    out = misleading.parent / "r"
    environment = os.environ | {"MPLCONFIGDIR": "/proc/nowhere"}  # matplotlib warns that it cannot write there
    done = subprocess.run(
        [sys.executable, "-c", code, misleading, "--out", out],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for kind in ("svg", "png", "pdf", "csv"):
        assert (out / "figures" / f"effect-charlm-cell.{kind}").stat().st_size > 100
    assert done.stdout.split() == [str(out / "report.html"), str(out / "report.md")]


def test_every_link_leads_somewhere(misleading: Path) -> None:
    out = made(misleading)
    page = (out / "report.html").read_text()
    anchors = set(re.findall(r'\bid="([^"]+)"', page))
    inside = re.findall(r'href="#([^"]+)"', page)
    assert len(inside) > 50
    assert set(inside) <= anchors
    for link in set(re.findall(r'<a[^>]* href="([^#"][^"]*)"', page)):
        assert (out / link).exists(), link


@pytest.mark.slow
def test_the_same_runs_are_the_same_report(misleading: Path) -> None:
    first, second = (made(misleading) / "report.html").read_text(), (made(misleading) / "report.html").read_text()
    assert first == second


def test_a_report_over_another_leaves_none_of_its_files(tmp_path: Path) -> None:
    for seed in range(2):
        for rate in (0.1, 0.2):
            records.run(tmp_path / "first", rate + seed, optimizer__lr=rate, seed=seed)
        for size in (8, 16):
            records.run(tmp_path / "second", size + seed, cell__hidden_size=size, seed=seed)
    out = made(tmp_path / "first")
    kept = out / "figures" / "mine.svg"
    kept.write_text("a drawing of one's own")
    before = {file for file in out.rglob("*.*") if "lr" in file.name}
    assert before
    assert made(tmp_path / "second") == out
    left = {file.name for file in out.rglob("*.*")}
    assert not left & {file.name for file in before}
    assert "mine.svg" in left


def test_diagnostics_are_compared_by_cell_over_seeds(tmp_path: Path) -> None:
    for cell, falls in (("rnn", 0.5), ("gru", 0.9)):
        for seed in range(2):
            shown = {
                "gradient_by_lag": [falls**lag * (1 + seed * lag) for lag in range(4)],
                "loss_by_context": [{"length": 1, "loss": 2.0 + seed}, {"length": 4, "loss": 1.0}],
                "saturation": [{"layer": 1, "gate": "z", "low": 0.1 + seed / 5, "high": 0.0}] if cell == "gru" else [],
                "spectral_radius": [{"layer": 1, "gate": "h", "radius": 1.0 + seed}],
            }
            records.run(tmp_path / "study", 2.0 + falls + seed / 10, summary=shown, cell=cell, seed=seed)
    records.run(tmp_path / "study", 2.2, cell="lstm", seed=0)  # without diagnostics
    out = made(tmp_path / "study")
    text = (out / "report.md").read_text()
    assert "| RNN | 1 | h | 1.50 | – | – |" in text
    assert "| GRU | 1 | z | – | 20.0% | 0.0% |" in text
    frame = pd.read_csv(out / "figures" / "reach-charlm-cell.csv")
    assert set(frame["level"]) == {"rnn", "gru"}
    lags = frame[(frame["level"] == "rnn") & (frame["view"] == "gradient_by_lag")].set_index("at")["value"]
    assert lags.tolist() == pytest.approx([0.5**lag * (1 + lag / 2) for lag in range(4)])
    cut = frame[(frame["view"] == "loss_by_context") & (frame["level"] == "gru")].set_index("at")["value"]
    assert cut.to_dict() == {1: 2.5, 4: 1.0}


def test_published_numbers_stand_beside_ours_with_a_verdict(tmp_path: Path) -> None:
    study = tmp_path / "study"
    for seed in range(3):
        for cell, loss in (("rnn", 3.0), ("gru", 2.0), ("lstm", 2.2)):
            for lr, worse in ((1e-3, 0.0), (1e-2, 1.0)):  # the better rate on validation is the one that counts
                records.run(study, loss + worse + seed / 100, cell=cell, seed=seed, optimizer__lr=lr)
    spec = {
        "source": "A. Paper, Table 1",
        "metric": "test/loss",
        "values": [
            {"where": {"cell": "rnn"}, "value": 3.0, "band": 0.05},
            {"where": {"cell": "gru"}, "value": 1.9, "at_most": True},
            {"where": {"cell": "lstm", "optimizer.lr": 0.01}, "value": 3.1, "at_least": True},
            {"where": {"cell": "mut1"}, "value": 1.0, "band": 0.1},
            {"where": {"cell": "gru"}, "value": 1.0},
        ],
        "orders": [[{"cell": "gru"}, {"cell": "lstm"}, {"cell": "rnn"}], [{"cell": "rnn"}, {"cell": "gru"}]],
        "differs": "everything",
        "ablations": [
            {"factor": "cell", "baseline": "rnn", "margin": 0.1, "best": 1.0, "hurts": [], "harmless": ["gru"]}
        ],
    }
    (study / ".study").mkdir()
    (study / ".study" / "published.json").write_text(json.dumps(spec))
    out = made(study)
    text = (out / "report.md").read_text()
    verdicts = ("reproduced |", "no complete run |", "not judged |")
    rows = [line for line in text.splitlines() if line.endswith(verdicts) and "harmless" not in line]
    assert [row.split(" | ")[-1].removesuffix(" |") for row in rows][:5] == [
        "reproduced", "not reproduced", "reproduced", "no complete run", "not judged",
    ]  # fmt: skip
    assert "| RNN | 3.000 ± 0.050 | 3.020 ± 0.025 | +0.020 | reproduced |" in text
    assert "Settings differ: everything" in text
    text = text.replace("\\", "")
    text = text.replace(" with optimizer.lr=0.001)", ", at the better rate)")
    assert (
        "GRU (2.020, at the better rate), then LSTM (2.220, at the better rate), "
        "then RNN (3.020, at the better rate): reproduced."
    ) in text
    assert "RNN (3.020, at the better rate), then GRU (2.020, at the better rate): not reproduced." in text
    assert "| GRU | harmless | −1.000 in all 3 seeds | — | reproduced |" in text


def test_a_margin_in_percent_for_a_share_is_refused(tmp_path: Path) -> None:
    path = records.run(tmp_path, 1.0)
    record = json.loads((path / "record.json").read_text())
    record["best"]["val/accuracy"] = 0.87
    record["declared"]["accuracy"] = {"unit": "share", "direction": "max", "chance": None}
    (path / "record.json").write_text(json.dumps(record))
    with pytest.raises(ReportError, match=r"--margin 2: expected less than 1, because validation accuracy is a share"):
        analyse(runs_of(tmp_path), [], "val/accuracy", {}, 2.0, tmp_path / "report")
    assert analyse(runs_of(tmp_path), [], None, {}, 2.0, tmp_path / "report").margin == 2.0


def test_an_order_names_what_the_validation_chose_for_each_place(tmp_path: Path) -> None:
    for cell, losses in (("gru", (1.43, 1.36)), ("rnn", (1.41, 1.37))):
        for layers, loss in enumerate(losses, 1):
            records.run(tmp_path, loss, cell=cell, cell__num_layers=layers)
    runs = runs_of(tmp_path)
    orders = [[{"cell": "gru"}, {"cell": "rnn"}], [{"cell.num_layers": 2}, {"cell": "rnn", "cell.num_layers": 1}]]
    spec: dict[str, Any] = {"source": "A. Paper", "metric": "val/loss", "values": [{}], "orders": orders}
    first, second = published_values.orders(runs, runs.metric(None), spec)
    assert "GRU (1.360 with cell.num_layers=2), then RNN (1.370 with cell.num_layers=2): not judged" in first
    assert "cell.num_layers=2 (1.360 with GRU), then RNN, cell.num_layers=1 (1.410): not judged" in second


def test_a_published_share_in_percent_is_not_judged(tmp_path: Path) -> None:
    for seed in range(3):
        path = records.run(tmp_path, 1.0 + seed / 10, seed=seed)
        record = json.loads((path / "record.json").read_text())
        record["best"]["test/accuracy"] = 0.87 + seed / 1000
        record["declared"]["accuracy"] = {"unit": "share", "direction": "max", "chance": None}
        (path / "record.json").write_text(json.dumps(record))
    runs, value = runs_of(tmp_path), {"where": {}, "at_least": True}
    spec = {"source": "A. Paper", "metric": "test/accuracy", "values": [value | {"value": v} for v in (0.8, 87.2)]}
    rows = published_values.values_table(runs, runs.metric(None), spec, 0).rows
    assert [row.cells[-1].text for row in rows] == ["reproduced", "not judged: a share is at most 1; 87.200% is 0.872"]


def test_a_published_number_is_shown_with_its_digits_and_an_order_with_what_the_seeds_say(tmp_path: Path) -> None:
    for seed in range(3):
        for cell, loss in (("rnn", 0.0204), ("gru", 5.3e-5), ("lstm", 0.0202)):
            records.run(tmp_path, loss * (1 + seed / 20), cell=cell, seed=seed)
    records.run(tmp_path, 1.0, cell="indrnn", seed=0)
    runs = runs_of(tmp_path)
    spec: dict[str, Any] = {
        "source": "A. Paper, Table 1",
        "metric": "val/loss",
        "values": [{"where": {"cell": "gru"}, "value": 5.3e-5}, {"where": {}, "value": 0.0204}],
        "orders": [
            [{"cell": "gru"}, {"cell": "lstm"}],
            [{"cell": "lstm"}, {"cell": "rnn"}],
            [{"cell": "rnn"}, {"cell": "indrnn"}],
            [{"cell": "mut1"}],
        ],
    }

    def rows(**changed: object) -> list[list[str]]:
        table = published_values.values_table(runs, runs.metric(None), spec | changed, 0)
        return [[cell.text for cell in row.cells] for row in table.rows] + [list(table.notes)]

    def orders(**changed: object) -> list[str]:
        return list(published_values.orders(runs, runs.metric(None), spec | changed))

    first, second, _ = rows()
    assert first[:2] == ["GRU", "0.0000530"]
    assert first[2].startswith("0.0000557 ± 0.00000")
    assert second[:2] == ["the best of all", "0.0204"]
    assert orders() == [
        "Published order, the best first: GRU (0.0000557), then LSTM (0.0212): reproduced.",
        "Published order, the best first: LSTM (0.0212), then RNN (0.0214): "
        "undecided: an interval of a difference holds zero.",
        "Published order, the best first: RNN (0.0214), then indrnn (1.000): not judged, fewer than 3 seeds.",
        "Published order, the best first: mut1 (no complete run): cannot be told yet.",
    ]
    (row, (note, _)) = rows(metric="last:val/loss", values=[{"where": {"cell": "rnn"}, "value": 0.0204, "band": 0.01}])
    assert row[2].startswith("0.0714 ± ")
    assert row[4] == "not reproduced"
    assert note.startswith("Ours: validation loss after the last step, the mean over the seeds of the setting with the")
    assert rows(needs=["seed"])[0][4] == "not judged"
    assert rows(needs=["task.text"])[0][4] == "not judged: task.text is null or missing in some run"
    assert orders(needs=["task.text"])[1].endswith(
        "then RNN (0.0214): not judged, task.text is null or missing in some run."
    )
    assert (
        orders(values=[], differs="the data")[0] == "A. Paper, Table 1, by validation loss. Settings differ: the data."
    )


def test_a_published_finding_that_these_runs_leave_open_is_not_called_wrong(tmp_path: Path) -> None:
    """Differences of 0, 0.1 and 0.2 among three seeds: neither a harm nor its absence is shown."""
    for seed in range(3):
        for cell, worse in (("gru", 0.0), ("rnn", 0.1 * seed), ("lstm", 0.5)):
            records.run(tmp_path, 2.0 + worse + seed / 50, cell=cell, seed=seed)
    for seed in range(2):
        records.run(tmp_path, 9.0 + seed, cell="mut1", seed=seed)
    runs, spec = runs_of(tmp_path), {"source": "A. Paper", "metric": "test/loss", "orders": []}
    claim = {"factor": "cell", "baseline": "gru", "margin": 0.05, "best": 1.0}
    claim |= {"hurts": ["rnn", "mut1"], "harmless": ["rnn", "lstm"]}
    table = published_findings.ablation_table(runs, runs.metric(None), spec, claim, "x")
    assert table is not None
    verdicts = [row.cells[4].text for row in table.rows]
    assert verdicts == [
        published_values.OPEN,
        "not judged: fewer than 3 pairs",
        published_values.OPEN,
        "not reproduced",
    ]
    values = [{"where": {"cell": "gru"}, "value": value, "at_most": True} for value in (2.2, 2.03, 1.9)]
    values += [{"where": {"cell": "mut1"}, "value": 1.0, "at_most": True}]
    table = published_values.values_table(runs, runs.metric(None), spec | {"values": values}, 0)
    verdicts = [row.cells[4].text for row in table.rows]
    assert verdicts == ["reproduced", published_values.OPEN, "not reproduced", "not judged: fewer than 3 seeds"]


def test_published_ablations_are_judged_by_matched_pairs(tmp_path: Path) -> None:
    """Twelve random settings, of which six are good: in these `rnn` is worse; in the others it is much better."""
    drawn = np.random.default_rng(0)
    harm = {"lstm": 0.0, "rnn": 0.3, "gru": 0.01, "mut1": 0.0, "mut2": 0.1}
    for rate in range(12):
        for cell, worse in harm.items():
            wild = 0.5 * drawn.normal() if cell == "mut1" else 0.01 * drawn.normal()
            loss = 2.0 + worse + wild if rate < 6 else 5.0 - 10 * worse
            records.run(tmp_path, loss, cell=cell, optimizer__lr=0.01 + rate / 1000)
    runs, spec = runs_of(tmp_path), {"source": "A. Paper", "metric": "test/loss"}
    claim = {"factor": "cell", "baseline": "lstm", "margin": 0.05, "best": 0.5, "hurts": ["rnn", "gru", "mut3"]}
    claim["harmless"] = ["gru", "mut1", "mut2"]
    table = published_findings.ablation_table(runs, runs.metric(None), spec, claim, "x")
    assert table is not None
    assert [tuple(row.cells[k].text for k in (0, 1, 4)) for row in table.rows] == [
        ("RNN", "hurts", "reproduced"),
        ("GRU", "hurts", "not reproduced"),
        ("mut3", "hurts", "no complete pair"),
        ("GRU", "harmless", "reproduced"),
        ("mut1", "harmless", published_values.OPEN),
        ("mut2", "harmless", "not reproduced"),
    ]
    assert table.rows[0].cells[2].data["mean"] == pytest.approx(0.3, abs=0.02)
    assert table.rows[0].cells[2].data["n"] == 6
    assert table.rows[0].cells[3].data < 1e-3
    assert "30 of 60 runs" in table.notes[0]
    table = published_findings.ablation_table(runs, runs.metric(None), spec, claim | {"best": 1.0}, "x")
    assert table is not None
    assert [row.cells[4].text for row in table.rows][:2] == ["not reproduced", "not reproduced"]
    table = published_findings.ablation_table(runs, runs.metric(None), spec | {"needs": ["task.text"]}, claim, "x")
    assert table is not None
    assert table.rows[0].cells[4].text == "not judged: task.text is null or missing in some run"


def test_published_shares_of_the_variance(tmp_path: Path) -> None:
    """A grid of two cells at random rates and sizes, which the study's file says were drawn."""
    drawn = np.random.default_rng(0)
    for _ in range(30):
        rate, size = float(10 ** drawn.uniform(-4, -1)), int(drawn.integers(8, 200))
        for cell, worse in (("gru", 0.0), ("lstm", 0.5)):
            loss = 2.0 + abs(math.log10(rate) + 2) + worse
            records.run(tmp_path, loss, cell=cell, optimizer__lr=rate, cell__hidden_size=size)
    (tmp_path / ".study").mkdir()
    (tmp_path / ".study" / "drawn.json").write_text(json.dumps(["optimizer.lr", "cell.hidden_size"]))
    assert searched_keys([str(tmp_path)]) == {"random": ["optimizer.lr", "cell.hidden_size"]}
    runs = Runs(collect([tmp_path]), ["optimizer.lr", "cell.hidden_size"])
    least = [("optimizer.lr", 0.5), ("cell.hidden_size", 0.5), ("interactions", None), ("task.noise", 0.1)]
    shares = [{"key": key, "value": 0.6, "least": each} for key, each in least]
    table = published_findings.shares_table(runs, {"source": "A. Paper", "metric": "test/loss", "shares": shares}, "x")
    assert table is not None
    verdicts = ["reproduced", "not reproduced", "not judged", "not drawn here"]
    assert [row.cells[3].text for row in table.rows] == verdicts
    spec = {"source": "A. Paper", "metric": "test/loss", "shares": shares, "needs": ["task.text"]}
    table = published_findings.shares_table(runs, spec, "x")
    assert table is not None
    assert table.rows[0].cells[3].text == "not judged: task.text is null or missing in some run"
    found, _ = importance(runs, runs.metric(None))
    assert 0.05 < found["cell"] < found["optimizer.lr"]
    assert sum(found.values()) == pytest.approx(1)
