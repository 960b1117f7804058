"""The tuned comparison: what is compared and tuned, which setting is chosen on what, and what is said of the arms."""

import dataclasses
import itertools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import records

from rnnsweep import looks, tuned_plan
from rnnsweep.report import cli, mcb, provenance_tables, seeds_needed
from rnnsweep.report.across import table as across
from rnnsweep.report.across.scores import iqm, scores
from rnnsweep.report.analysis import DesignOptions, analyse, tuned_comparisons
from rnnsweep.report.arm_tables import comparison_table, fairness
from rnnsweep.report.arms import Tuning
from rnnsweep.report.collect import collect
from rnnsweep.report.commands import beyond, more
from rnnsweep.report.design import design
from rnnsweep.report.expected_best import expected_choice
from rnnsweep.report.leaderboard import leaderboard
from rnnsweep.report.matched_runs import MatchedRuns
from rnnsweep.report.pairs import balanced
from rnnsweep.report.runs import Runs
from rnnsweep.report.subject import Subject
from rnnsweep.report.tuned_comparison import TunedComparison
from rnnsweep.report.tuned_sentences import numbered, sentences
from rnnsweep.report.views import budget, pareto, tuned_budget

pytestmark = pytest.mark.usefixtures("figures_not_drawn")

RATES = (1e-3, 3e-3, 1e-2)
DECLARED = "the tuned and the compared settings are as declared"


def noisy(study: Path, seeds: range = range(3), rates: tuple[float, ...] = RATES, **settings: Any) -> None:
    """As the README's first example: cells at learning rates. The GRU gains most by a high rate."""
    cells = {"rnn": (2.4, 0.5), "gru": (2.4, 0.62), "lstm": (2.6, 0.66)}
    for seed in seeds:
        noise = np.random.default_rng(seed)
        shared = noise.normal(0, 0.01)
        for cell, (start, gain) in cells.items():
            for rate in rates:
                loss = start - gain * np.log10(rate / 1e-3) + shared + noise.normal(0, 0.004)
                records.run(study, float(loss), cell=cell, seed=seed, optimizer__lr=rate, **settings)


def found(study: Path, asked: DesignOptions | None = None, sampled: tuple[str, ...] = ()) -> TunedComparison:
    (tuned,) = tuned_comparisons([Runs(collect([study]), sampled=sampled)], None, {}, asked or DesignOptions())
    assert tuned is not None
    return tuned


def test_the_headline_is_the_tuned_comparison_and_nothing_contradicts_it(tmp_path: Path) -> None:
    noisy(tmp_path)
    of = found(tmp_path)
    section = analyse(of.runs, [], None, {}, None, tmp_path / "report", of)
    first, *_ = section.headline
    assert first.startswith("Tuned over 3 learning rates each (chosen on validation, seeds 0–2), GRU reaches 0.1")
    assert "nats lower test loss than RNN, 95% interval 0.1" in first
    assert first.endswith(
        ", 3 paired seeds; exploratory: these seeds chose the rates; the best rate is at the edge of the grid for both."
    )
    notes = " ".join(section.top_tables[0].notes)
    assert "optimizer.lr counts as tuned and cell counts as compared, which is a guess" in notes
    assert "Extend it: `python -m rnnsweep -m seed=0 optimizer.lr=0.001,0.003,0.01,0.03`" in notes
    assert "'seed=range(3,8)'" in notes
    (cells,) = [answer for answer in section.answers if answer.title == "The choice of the cell"]
    said = " ".join([*section.headline, *cells.sentences])
    assert "No difference shown between GRU and RNN" not in said
    assert "averages over all values of optimizer.lr" in cells.sentences[0]
    assert "finding" not in cells.tables[0].columns


@pytest.mark.parametrize(("rates", "tuned"), [((0.1,), False), ((0.1, 0.2), True)])
def test_matched_random_settings_tune_nothing(rates: tuple[float, ...], tuned: bool, tmp_path: Path) -> None:
    """Each random setting has one rate, which all cells share: no cell chose it."""
    for cell, number, share in itertools.product(("rnn", "gru"), range(6), rates):
        drawn = {"optimizer__lr": share / (1 + number), "task__noise": number % 3, "task__seq_len": 8 + number // 3}
        records.run(tmp_path, 1 + number, cell=cell, **drawn)
    drawn_keys = ["optimizer.lr", "task.noise", "task.seq_len"]
    assert (design(Runs(collect([tmp_path]), drawn_keys)) is not None) is tuned


def test_fresh_seeds_confirm_and_the_others_only_choose(tmp_path: Path) -> None:
    noisy(tmp_path)
    noisy(tmp_path, range(3, 7), rates=(1e-2,))
    of = found(tmp_path)
    gru = next(comparison for comparison in of.comparisons if comparison.arm.name == "GRU")
    assert gru.confirmed
    assert gru.seeds == (3, 4, 5, 6)
    assert "confirmed on fresh seeds 3–6" in sentences(of)[0]
    assert "chosen on validation, seeds 0–2" in sentences(of)[0]
    values = of.runs.frame.set_index(["cell", "optimizer.lr", "seed"])["test/loss"]
    gaps = [values["gru", 1e-2, seed] - values["rnn", 1e-2, seed] for seed in range(3, 7)]
    assert gru.values == pytest.approx(gaps)


def test_a_setting_that_too_few_seeds_finished_is_not_chosen(tmp_path: Path) -> None:
    for cell in ("gru", "rnn"):
        for rate in RATES:
            for seed in range(5):
                status = "diverged" if rate == 1e-2 and seed > 2 else "complete"
                records.run(tmp_path, 3 - 100 * rate + seed / 50, status, cell=cell, seed=seed, optimizer__lr=rate)
    of = found(tmp_path)
    assert {cell.text for cell in (row.cells[1] for row in comparison_table(of).rows)} == {"optimizer.lr=0.003"}
    assert comparison_table(of).rows[0].cells[-3].text == "13% (2 of 15)"
    assert not of.leader.edges


def test_unequal_numbers_of_configurations_are_compared_at_the_smaller(tmp_path: Path) -> None:
    for cell, rates in (("gru", (1e-3, 3e-3, 1e-2, 3e-2)), ("rnn", (1e-3, 3e-3))):
        for index, rate in enumerate(rates):
            for seed in range(3):
                records.run(tmp_path, 3.0 - index / 5 + seed / 50, cell=cell, seed=seed, optimizer__lr=rate)
    of = found(tmp_path)
    assert not of.tuning.equal
    assert [row.cells[2].text for row in comparison_table(of).rows if row.cells[0].text == "GRU"] == ["2 of 4"]
    assert "only fresh seeds can confirm a difference" in sentences(of)[0]
    assert not any(comparison.clear for comparison in of.comparisons)
    assert [row.cells[2].text for row in fairness(of).rows] == ["2", "2"]


def test_settings_that_were_only_planned_are_no_tuning(tmp_path: Path) -> None:
    """In the midst of a sweep: the RNN has all its rates, the GRU the first two, the LSTM none."""
    planned = []
    for (cell, done), (index, rate), seed in itertools.product(
        (("gru", 2), ("lstm", 0), ("rnn", 3)), enumerate(RATES), range(3)
    ):
        planned.append(records.config(cell=cell, seed=seed, optimizer__lr=rate))
        if index < done:
            loss = 2.0 + 0.2 * (cell == "gru") - index / 5 + seed / 50
            records.run(tmp_path, loss, cell=cell, seed=seed, optimizer__lr=rate)
    records.plan(tmp_path, *planned)
    of = found(tmp_path)
    assert not of.tuning.equal
    assert "Tuned over 2 of the learning rates each" in sentences(of)[0]
    assert [[cell.text for cell in row.cells[:4]] for row in fairness(of).rows] == [
        ["RNN", "3", "2", "9"],
        ["GRU", "2", "2", "6"],
        ["LSTM", "0", "no setting finished", "0"],
    ]
    frame = budget.data(Subject(of.runs, of.tuning.metric, arms=of.runs.settings.factor("cell")))
    assert frame.groupby("arm")["configurations"].max().to_dict() == {"gru": 2, "rnn": 3}


def test_the_time_of_a_setting_is_that_of_its_finished_runs(tmp_path: Path) -> None:
    for cell, seed in itertools.product(("gru", "rnn"), range(2)):
        status = "diverged" if (cell, seed) == ("gru", 0) else "complete"
        path = records.run(tmp_path, 2.0, status, cell=cell, seed=seed)
        record = json.loads((path / "record.json").read_text())
        (path / "record.json").write_text(json.dumps(record | {"seconds": 1.0 if status == "diverged" else 10.0}))
    runs = Runs(collect([tmp_path]))
    frame = pareto.data(Subject(runs, runs.metric(None), arms=runs.settings.factor("cell")))
    assert set(frame.loc[frame["cost"] == "seconds", "amount"]) == {10.0}


def test_fixed_conditions_are_averaged_before_the_seeds_are_compared(tmp_path: Path) -> None:
    """The GRU is better at one size and worse at the other: an interaction, and no error of the mean."""
    for size, gain in ((16, 0.3), (32, -0.1), (64, 0.1)):
        for seed in range(3):
            for rate in RATES[:2]:
                noise = np.random.default_rng([size, seed]).normal(0, 0.01)
                common = {"cell__hidden_size": size, "seed": seed, "optimizer__lr": rate}
                records.run(tmp_path, 2.0 + rate, cell="rnn", **common)
                records.run(tmp_path, 2.0 + rate - gain + noise, cell="gru", **common)
    of = found(tmp_path)
    (comparison,) = of.comparisons
    assert of.tuning.design.conditions == ("cell.hidden_size",)
    assert len(comparison.values) == 3
    assert comparison.interval.mean == pytest.approx(-0.1, abs=0.02)
    assert comparison.interval.high < 0
    assert comparison.spread == pytest.approx((-0.3, 0.1), abs=0.03)
    assert "mean over 3 conditions; their differences range from −0.3" in sentences(of)[0]
    (comparison,) = found(tmp_path, sampled=("cell.hidden_size",)).comparisons
    assert comparison.unit == "cell.hidden_size"
    assert comparison.interval.low < 0 < comparison.interval.high


def test_compare_and_tune_override_and_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noisy(tmp_path / "study")
    of = found(tmp_path / "study", DesignOptions(["optimizer.lr"], ["cell"]))
    assert [factor.key for factor in of.tuning.design.compared] == ["optimizer.lr"]
    assert of.leader.name == "optimizer.lr=0.01"
    assert of.tuning.design.said == DECLARED
    with pytest.raises(SystemExit):
        cli.main([str(tmp_path / "study"), "--out", str(tmp_path / "report"), "--tune", "optimizer.rate"])
    assert "--tune optimizer.rate: no run has this setting" in capsys.readouterr().err


def declared(study: Path, **changes: Any) -> None:
    """The file of a tuned sweep."""
    told = tuned_plan.Tuned(["cell"], {"optimizer.lr": "1e-3,3e-3,1e-2"}, [], 3, 99, [], "val/loss", False, [0, 1, 2],
                         [3, 5, 8], [0.005, 0.01, 0.01], 0.01)  # fmt: skip
    (study / ".study").mkdir(exist_ok=True)
    text = json.dumps(dataclasses.asdict(dataclasses.replace(told, **changes)))
    (study / ".study" / "tuned-0.json").write_text(text)


def test_a_tuned_sweep_is_read_as_it_was_planned(tmp_path: Path) -> None:
    noisy(tmp_path, range(99, 100))
    noisy(tmp_path, range(3), rates=(1e-2,))
    config = records.config(cell="gru", seed=99, optimizer__lr=1e-2)
    trial = records.name(config)
    declared(
        tmp_path, chosen=[tuned_plan.ChosenTrial({"cell": "gru"}, {}, {"optimizer.lr": 0.01}, trial, 1.8, 3, 3, 0, 0)]
    )
    of = found(tmp_path)
    comparison = next(c for c in of.comparisons if {c.arm.name, c.other.name} == {"GRU", "RNN"})
    assert comparison.confirmed
    assert comparison.look is not None
    assert comparison.look.level == pytest.approx(0.005 / 2)
    assert comparison.interval.low == comparison.look.low
    notes = " ".join(comparison_table(of).notes)
    assert "Planned before the first run: looks at 3, 5, 8 fresh seeds, margin 0.01" in notes
    assert of.tuning.design.said == DECLARED
    assert "with the Student t interval" in notes  # of the look's level, not of 95%
    for planned_margin, asked, margin in ((0.01, None, 0.01), (0.003, None, 0.003), (0.003, 0.5, 0.5)):
        tuned = dataclasses.replace(of.tuning.design.plan, margin=planned_margin)
        of.tuning.design = dataclasses.replace(of.tuning.design, plan=tuned)
        assert analyse(of.runs, [], None, {}, asked, tmp_path / "report", of).margin == margin
    board = analyse(of.runs, [], None, {}, None, tmp_path / "report", of).leaderboard
    assert board is not None
    assert any(note.startswith("The settings were tuned with seed 99.") for note in board.notes)


def with_fresh_seeds(study: Path, count: int, diverged: tuple[int, ...] = (), cells: str = "gru rnn") -> None:
    """A tuned sweep in which the RNN is worse on all fresh seeds and diverges on some of them."""
    noise = np.random.default_rng(0)
    for cell in cells.split():
        dead = cell == "lstm"
        for rate in (1e-3, 1e-2):
            status = "diverged" if dead else "complete"
            records.run(study, 1.6 - rate + 0.4 * (cell == "rnn"), status, cell=cell, seed=99, optimizer__lr=rate)
        for seed in () if dead else range(count):
            loss = 1.5 + 0.4 * (cell == "rnn") + float(noise.normal(0, 0.02))
            status = "diverged" if cell == "rnn" and seed in diverged else "complete"
            records.run(study, loss, status, cell=cell, seed=seed, optimizer__lr=1e-2)
    declared(study)


@pytest.mark.parametrize(("count", "diverged"), [(5, (2,)), (8, (2, 5, 7))])
def test_a_planned_look_with_a_diverged_seed_stays_open_as_in_the_sweep(
    count: int, diverged: tuple[int, ...], tmp_path: Path
) -> None:
    with_fresh_seeds(tmp_path, count, diverged)
    of = found(tmp_path)
    (comparison,) = of.comparisons
    assert comparison.look is not None
    assert (comparison.look.verdict, comparison.clear, len(comparison.values)) == ("open", False, 5 - (count == 5))
    assert "RNN is not shown to differ from GRU" in sentences(of)[0]
    assert "no test: it would leave out the fresh seeds that diverged; on fresh seeds 0, 1" in sentences(of)[0]
    assert "confirmed" not in sentences(of)[0]


def test_another_comparison_than_the_planned_one_has_choices_of_its_own(tmp_path: Path) -> None:
    """Of the rate 0.01 the plan chose a trial for each cell; the first of them, the GRU's, is not the best."""
    chosen = []
    for cell, rate, seed in itertools.product(("gru", "rnn"), (1e-3, 1e-2), (99, 0, 1, 2)):
        if seed == 99 or rate == 1e-2:
            loss = 1.6 - rate + 0.4 * (cell == "gru") + seed / 1e4
            path = records.run(tmp_path, loss, cell=cell, seed=seed, optimizer__lr=rate)
            if seed == 99 and rate == 1e-2:
                trial = tuned_plan.ChosenTrial({"cell": cell}, {}, {"optimizer.lr": rate}, path.name, loss, 2, 2, 0, 0)
                chosen.append(trial)
    declared(tmp_path, chosen=chosen)
    of = found(tmp_path, DesignOptions(["optimizer.lr"], ["cell"]))
    assert [row.cells[1].text for row in comparison_table(of).rows] == ["RNN", "RNN"]
    assert not any("Planned before" in note for note in comparison_table(of).notes)


def test_between_two_looks_the_last_one_counts(tmp_path: Path) -> None:
    with_fresh_seeds(tmp_path, 4)
    (comparison,) = found(tmp_path).comparisons
    assert comparison.seeds == (0, 1, 2)
    assert comparison.look is not None
    assert comparison.look.level == 0.005


def test_the_level_of_a_look_is_divided_among_the_arms_that_are_compared(tmp_path: Path) -> None:
    """As the sweep does it: an arm of which no trial was completed is not compared."""
    with_fresh_seeds(tmp_path, 5, cells="gru lstm rnn")
    of = found(tmp_path)
    (comparison,) = of.comparisons
    assert comparison.look is not None
    assert comparison.look.level == 0.01
    assert "comparisons with the leader, 1: p" in " ".join(comparison_table(of).notes)


def test_of_plans_that_differ_the_newest_counts_and_is_told(tmp_path: Path) -> None:
    """Of two directories with runs of one task, whichever of them the report names first."""
    for name, margin, moment, first in (("b", 0.01, 100, 0), ("a", 0.02, 50, 3)):
        (tmp_path / name).mkdir()
        noisy(tmp_path / name, range(99 + first, 100 + first))
        noisy(tmp_path / name, range(first, first + 3), rates=(1e-2,))
        declared(tmp_path / name, margin=margin)
        os.utime(tmp_path / name / ".study" / "tuned-0.json", (moment, moment))
    for order in ("ab", "ba"):
        runs = Runs(collect([tmp_path / name for name in order]))
        of = design(runs)
        assert of is not None
        assert of.plan is not None
        assert (of.plan.margin, of.said) == (0.01, DECLARED + "; of 2 plans that differ, the newest counts")


def test_a_seed_that_an_earlier_comparison_has_seen_did_not_choose_the_setting(tmp_path: Path) -> None:
    with_fresh_seeds(tmp_path, 6)
    declared(tmp_path, seeds=[0, 1, 2], looks=[], levels=[])
    (tmp_path / ".study" / "tuned-0.json").rename(tmp_path / ".study" / "tuned-1.json")
    os.utime(tmp_path / ".study" / "tuned-1.json", (0, 0))
    declared(tmp_path, seeds=[3, 4, 5])
    assert "(chosen on validation, seed 99)" in sentences(found(tmp_path))[0]


def test_the_seeds_that_are_needed_are_for_a_margin_in_the_unit_of_the_comparison(tmp_path: Path) -> None:
    """The report is by a loss of about 200; the arms are compared by the accuracy."""
    noise = np.random.default_rng(0)
    for cell, seed in itertools.product(("gru", "rnn"), (99, 0, 1, 2)):
        for rate in (1e-3, 1e-2) if seed == 99 else (1e-2,):
            path = records.run(tmp_path, 200.0 - rate, cell=cell, seed=seed, optimizer__lr=rate)
            record = json.loads((path / "record.json").read_text())
            reached = 0.5 + 10 * rate + float(noise.normal(0, 0.02))
            record["best"] |= {"val/accuracy": reached, "test/accuracy": reached}
            record["declared"] |= {"accuracy": {"unit": "share", "direction": "max", "chance": None}}
            record["declared"]["loss"]["unit"] = record["metric"]["unit"] = ""
            (path / "record.json").write_text(json.dumps(record))
    declared(tmp_path, metric="val/accuracy", maximised=True, margin=0.02)
    of = found(tmp_path)
    section = analyse(of.runs, [], None, {}, None, tmp_path / "report", of)
    assert section.margin == pytest.approx(2.0, abs=0.01)
    (needed,) = [table for table in section.top_tables if table.title == "Seeds needed"]
    assert needed.notes[0].startswith("For a margin of 0.020.")


def test_a_comparison_without_a_test_metric_keeps_both_columns(tmp_path: Path) -> None:
    noisy(tmp_path)
    noisy(tmp_path, range(3, 7), rates=(1e-2,))
    for path in tmp_path.glob("*/record.json"):
        record = json.loads(path.read_text())
        del record["best"]["test/loss"]
        path.write_text(json.dumps(record))
    table = comparison_table(found(tmp_path))
    assert len(set(table.columns)) == len(table.columns)
    frame = table.frame()
    assert (frame["val/loss of the choice n"][0], frame["val/loss n"][0]) == (3, 4)


def test_seeds_that_an_earlier_range_has_seen_are_not_fresh(tmp_path: Path) -> None:
    noisy(tmp_path, range(99, 100))
    noisy(tmp_path, range(6), rates=(1e-2,))
    declared(tmp_path, seeds=[0, 1, 2], looks=[], levels=[])
    (tmp_path / ".study" / "tuned-0.json").rename(tmp_path / ".study" / "tuned-1.json")
    os.utime(tmp_path / ".study" / "tuned-1.json", (0, 0))
    declared(tmp_path, seeds=[3, 4, 5])
    for comparison in found(tmp_path).comparisons:
        assert comparison.seeds == (3, 4, 5)
        assert comparison.look is not None


@pytest.mark.parametrize("lower", [True, False])
def test_the_band_of_a_budget_is_of_the_draws_whose_mean_is_the_line(lower: bool) -> None:
    validation, test = np.array([3.0, 1.0, np.nan, 2.0]), np.array([0.1, 0.9, 0.0, 0.4])
    reached = tuned_budget.orders(validation, test, lower)
    line = expected_choice(validation, test, [2, 3, 4], lower)  # of one, the draw without a value is left out
    np.testing.assert_allclose(reached[:, 1:].mean(0), line, atol=0.02)
    assert set(reached[:, 3]) == {0.9 if lower else 0.1}


def test_a_budget_is_chosen_on_validation_and_shown_on_test(tmp_path: Path) -> None:
    points = ((1e-3, 1.0), (1e-2, 2.0), (0.1, 3.0))
    for cell, seed, (rate, loss) in itertools.product(("gru", "lstm", "rnn"), range(3), points):
        status = "pruned" if cell == "rnn" and loss > 1 else "complete"
        path = records.run(tmp_path, loss, status, cell=cell, seed=seed, optimizer__lr=rate)
        record = json.loads((path / "record.json").read_text())
        record["best"]["test/loss"] = 10 - loss  # what is best on validation is worst on test
        (path / "record.json").write_text(json.dumps(record))
    for seed in range(3):
        records.run(tmp_path, 9.0, "diverged", cell="lstm", seed=seed, optimizer__lr=0.5)
    of = found(tmp_path)
    frame = tuned_budget.data(Subject(of.runs, of.metric, tuned=of))
    gru, lstm = (frame[frame["arm"] == arm] for arm in ("GRU", "LSTM"))
    assert len(gru) + len(lstm) == len(frame)  # of the RNN one setting alone finished
    assert list(lstm["configurations"]) == [2, 3, 4]  # a draw of one may hold no value
    assert list(gru["expected"]) == pytest.approx([8, 9 * 2 / 3 + 8 / 3, 9])
    assert (frame["low"] <= frame["expected"] + 1e-9).all()
    assert list(gru["low"])[-1] == 9


def test_planned_looks_compare_with_the_leader_alone(tmp_path: Path) -> None:
    """The error rate was divided among these comparisons: a third one, of two followers, would have none left."""
    noisy(tmp_path, range(99, 100))
    noisy(tmp_path, range(3), rates=(1e-2,))
    declared(tmp_path)
    (of,) = tuned_comparisons([Runs(collect([tmp_path]))], None, {"cell": "rnn"}, DesignOptions())
    assert of is not None
    assert of.baseline is None
    assert {comparison.other.name for comparison in of.comparisons} == {of.leader.name}
    assert "99.75% interval" in " ".join(sentences(of))
    made = seeds_needed.table(of, 1e-6)
    assert made is None or "planned looks end at 8 seeds" in made.notes[-1]


def test_settings_of_which_every_run_was_pruned_are_counted_and_not_listed(tmp_path: Path) -> None:
    records.run(tmp_path, 2.0, cell="gru", seed=0)
    for rate in (1e-4, 2e-4):
        records.run(tmp_path, 3.0, cell="gru", seed=0, optimizer__lr=rate, status="pruned")
    runs = Runs(collect([tmp_path]))
    table = leaderboard(runs, runs.metric(None), {})
    assert len(table.rows) == 1
    assert "Not listed: 2 settings whose runs were all pruned." in table.notes


def test_one_correction_holds_over_all_tasks(tmp_path: Path) -> None:
    for task in ("charlm", "parity"):
        noisy(tmp_path / task, task=task)
    frame = collect([tmp_path])
    both = tuned_comparisons([Runs(part) for _, part in frame.groupby("task")], None, {}, DesignOptions())
    assert all(tuned is not None and {c.family for c in tuned.comparisons} == {6} for tuned in both)
    (alone,) = tuned_comparisons([Runs(frame[frame["task"] == "charlm"])], None, {}, DesignOptions())
    assert alone is not None
    assert {comparison.family for comparison in alone.comparisons} == {3}


def test_nothing_tuned_is_no_tuned_comparison(tmp_path: Path) -> None:
    for cell in ("gru", "rnn"):
        for seed in range(3):
            records.run(tmp_path, 2.0 + seed / 50, cell=cell, seed=seed)
    assert tuned_comparisons([Runs(collect([tmp_path]))], None, {}, DesignOptions()) == [None]


def test_settings_of_the_same_seeds_are_no_sample(tmp_path: Path) -> None:
    """The seeds' effects recur in every setting: an interval over the settings would be far too narrow."""
    gaps = np.random.default_rng(0).normal(0.05, 0.1, 3)
    for size in (16, 32, 48, 64, 80, 96):
        for seed in range(3):
            records.run(tmp_path, 2.0, cell="rnn", cell__hidden_size=size, seed=seed)
            records.run(tmp_path, 2.0 + gaps[seed] + size / 1e5, cell="gru", cell__hidden_size=size, seed=seed)
    runs = Runs(collect([tmp_path]))
    (effect,) = MatchedRuns(runs, runs.settings.factor("cell"), runs.metric(None)).against("rnn")
    assert (effect.unit, len(effect.values)) == ("seed", 3)
    runs = Runs(collect([tmp_path]), sampled=["cell.hidden_size"])
    (effect,) = MatchedRuns(runs, runs.settings.factor("cell"), runs.metric(None)).against("rnn")
    assert (effect.unit, len(effect.values)) == ("setting", 6)


def test_a_mean_over_settings_is_of_the_same_settings_for_all_seeds() -> None:
    import pandas as pd

    pairs = pd.DataFrame([(b, s, 1.0) for b in range(4) for s in range(3)], columns=["block", "seed", "difference"])
    assert len(balanced(pairs)) == 12
    assert len(balanced(pairs.drop(index=4))) == 9  # the setting that lacks a seed goes
    assert set(balanced(pairs.drop(index=[0, 3, 6]))["block"]) == {3}  # three seeds of one setting before two of four


def test_words_of_the_sentences() -> None:
    assert numbered("seed", [0, 1, 2, 7]) == "seeds 0–2, 7"
    assert numbered("seed", [4]) == "seed 4"


def test_a_command_types_all_digits_of_a_rate(tmp_path: Path) -> None:
    rates = (0.00123456789, 0.0123456789)
    noisy(tmp_path, rates=rates)
    notes = " ".join(comparison_table(found(tmp_path)).notes)
    assert "optimizer.lr=0.0123456789 'seed=range(3,8)'" in notes
    assert "optimizer.lr=0.00123456789,0.0123456789,0.1`" in notes


def typed(study: Path, *words: str) -> None:
    """Says in all records which command trained them."""
    for path in study.glob("*/record.json"):
        record = json.loads(path.read_text())
        record["environment"]["command"] = ["python", "/x/rnnsweep/__main__.py", *words]
        path.write_text(json.dumps(record))


@pytest.mark.parametrize("words", [["hydra.sweeper.search=random", "hydra.sweeper.n_trials=9"], ["+study=mine"]])
def test_the_best_of_a_search_are_confirmed_by_a_grid(words: list[str], tmp_path: Path) -> None:
    """The command of the search with other seeds would draw anew; a study may name the search in its file."""
    noisy(tmp_path)
    typed(tmp_path, "-m", "optimizer.lr=tag(log,interval(1e-3,1e-2))", *words, "hydra.sweeper.name=s")
    (tmp_path / ".study").mkdir()
    search = {"n_trials": 9, "seeds": [0, 1, 2], "metrics": ["val/loss"], "groups": {"cell": ["gru", "rnn", "lstm"]}}
    search |= {"identities": {}, "sampler": "random", "bases": {"": [{}, {"optimizer.lr": {}}]}}
    (tmp_path / ".study" / "search-0.json").write_text(json.dumps(search))
    (of,) = tuned_comparisons([Runs(collect([tmp_path]), ["cell", "optimizer.lr"])], None, {}, DesignOptions())
    assert of is not None
    notes = " ".join(comparison_table(of).notes)
    before, after = ("+study=mine ", " hydra.sweeper.search=null") if words[0] == "+study=mine" else ("", "")
    task = " task=charlm" if before else ""  # the study's file may name several
    grid = f"{before}hydra.sweeper.name=s{task} cell=gru,rnn,lstm optimizer.lr=0.01 'seed=range(3,8)'{after}`"
    assert f"`python -m rnnsweep -m {grid}" in notes
    assert "(optimizer.lr). Widen the range that it is drawn from at this end." in notes


def test_a_command_repeats_neither_a_forecast_nor_a_rerun(tmp_path: Path) -> None:
    noisy(tmp_path)
    typed(tmp_path, "-m", "++cell=gru,lstm,rnn", "rerun=true", "hydra.sweeper.plan=true", "cell.hidden_size=32")
    notes = " ".join(comparison_table(found(tmp_path)).notes)
    assert "`python -m rnnsweep -m cell.hidden_size=32 cell=gru,rnn,lstm optimizer.lr=0.01 'seed=range(3,8)'`" in notes
    assert "-m ++cell=gru,lstm,rnn cell.hidden_size=32 optimizer.lr=0.001,0.003,0.01,0.03`" in notes


@pytest.mark.parametrize("words", [["task=parity,charlm"], ["+study=mine"]])
def test_the_best_of_one_task_are_confirmed_on_this_task(words: list[str], tmp_path: Path) -> None:
    """The other task has another best rate."""
    noisy(tmp_path, rates=RATES[:2])
    typed(tmp_path, "-m", *words, "cell=gru,lstm,rnn")
    notes = " ".join(comparison_table(found(tmp_path)).notes)
    study = "+study=mine " if words == ["+study=mine"] else ""
    assert f"-m {study}task=charlm cell=gru,rnn,lstm optimizer.lr=0.003 'seed=range(3,8)'`" in notes
    assert "parity" not in notes


def test_settings_that_move_together_are_confirmed_one_by_one(tmp_path: Path) -> None:
    """The pairs of the sweep's command with the cells beside them would be all combinations."""
    for cell, size, seed, rate in itertools.product(("gru", "rnn"), (32, 64), range(3), RATES[:2]):
        if (cell == "gru") == (size == 32):
            loss = 2.0 + rate + 0.1 * np.random.default_rng([size, seed]).normal()
            records.run(tmp_path, float(loss), cell=cell, cell__hidden_size=size, seed=seed, optimizer__lr=rate)
    typed(tmp_path, "-m", "hydra.sweeper.paired=[{cell: [gru,rnn], cell.hidden_size: [32,64]}]", "seed=0,1,2")
    notes = " ".join(comparison_table(found(tmp_path)).notes)
    (said,) = [note for note in comparison_table(found(tmp_path)).notes if note.startswith("Exploratory until")]
    assert "hydra.sweeper.paired" not in notes
    for cell, size in (("gru", 32), ("rnn", 64)):
        assert (
            f" cell={cell} pooling=last optimizer=adamw task.seq_len=64 task.text=null cell.hidden_size={size} " in said
        )
    assert said.count("'seed=range(3,8)' hydra.sweep.dir=") == 2
    assert said.count(f"hydra.sweeper.name={tmp_path.name}`") == 2


def test_more_seeds_of_a_tuned_sweep_are_more_than_there_are(tmp_path: Path) -> None:
    with_fresh_seeds(tmp_path, 5)
    typed(tmp_path, "-m", "cell=gru,rnn", "hydra.sweeper.tune_trials=1", "hydra.sweeper.tune={optimizer.lr: '1,2'}")
    declared(tmp_path, looks=[], levels=[])
    of = found(tmp_path)
    said = more(of, of.tuning.ranked, 3)
    assert said.endswith(" seed=0,1,2,3,4,5`")
    assert " hydra.sweeper.tune_trials=3 " in said


@pytest.mark.parametrize("looks_at", [[3, 5, 8], []])
def test_a_tuned_sweep_goes_on_by_its_own_command(looks_at: list[int], tmp_path: Path) -> None:
    noisy(tmp_path, range(99, 100))
    typed(tmp_path, "-m", "cell=gru,rnn,lstm", "hydra.sweeper.compare=cell", "hydra.sweeper.tune={optimizer.lr: '1,2'}")
    declared(tmp_path, looks=looks_at, levels=[0.01] * len(looks_at))
    (said,) = [note for note in comparison_table(found(tmp_path)).notes if note.startswith("Exploratory until")]
    words = "-m cell=gru,rnn,lstm hydra.sweeper.compare=cell 'hydra.sweeper.tune={optimizer.lr:"
    assert f"`python -m rnnsweep {words}" in said
    assert said.endswith(" seed=0,1,2,3,4`") == (not looks_at)


def test_the_next_value_beyond_an_edge(tmp_path: Path) -> None:
    noisy(tmp_path)
    factor = Runs(collect([tmp_path])).settings.factor("optimizer.lr")
    assert (beyond(factor, "high"), beyond(factor, "low")) == ("0.03", "0.0003")
    runs = Runs(collect([tmp_path]))
    assert isinstance(Tuning(runs, design(runs), runs.metric(None)).arms, list)  # type: ignore[arg-type]


def test_seeds_needed_are_a_range_with_a_command(tmp_path: Path) -> None:
    """Differences of -0.02, 0.01 and 0.04: the half width is 0.075, for 0.02 some ten to a hundred seeds are needed."""
    for cell, gaps in (("rnn", (0, 0, 0)), ("gru", (-0.02, 0.01, 0.04))):
        for rate in RATES[:2]:
            for seed, gap in enumerate(gaps):
                records.run(tmp_path, 2.0 + gap + rate + seed, cell=cell, seed=seed, optimizer__lr=rate)
    made = seeds_needed.table(found(tmp_path), 0.02)
    assert made is not None
    (row,) = made.rows
    low, high = (row.cells[3].data[end] for end in ("low", "high"))
    assert (low, high) == looks.seeds_needed([-0.02, 0.01, 0.04], 0.02)
    assert 7 <= low < 15 < high
    assert f"'seed=range(3,{3 + low})'" in made.notes[-1]
    assert seeds_needed.table(found(tmp_path), 0.2) is None


@pytest.mark.parametrize(("spread", "n"), [(1.0, 34), (0.5, 10)])
def test_seeds_for_power(spread: float, n: int) -> None:
    """As power tables of the paired t test have it: effect sizes of .5 and 1 at 5%, two-sided, 80%."""
    assert seeds_needed.for_power(spread, 0.5) == n


def test_the_settings_that_may_be_the_best() -> None:
    """Dunnett's one-sided quantiles at 95% (Dunnett 1955, table 1a), and what is far behind is left out."""
    assert [mcb.quantile(k, df) for k, df in ((1, 10), (3, 10), (4, 20))] == pytest.approx([1.81, 2.34, 2.30], abs=0.01)
    noise = np.random.default_rng(0)
    values = np.array([[2.0], [2.0], [3.0]]) + noise.normal(0, 0.02, (3, 4)) + noise.normal(0, 1, 4)
    assert mcb.may_be_best(values).tolist() == [True, True, False]  # type: ignore[union-attr]
    assert mcb.may_be_best(-values, lower=False).tolist() == [True, True, False]  # type: ignore[union-attr]
    values[1, 2] = np.nan
    assert mcb.may_be_best(values).tolist() == [True, True, False]  # type: ignore[union-attr]


def test_the_best_setting_is_left_out_as_seldom_as_it_says_where_runs_are_missing() -> None:
    """The effects of the seeds are large: a mean over other seeds must not count as another setting's."""
    noise, lost = np.random.default_rng(0), 0
    for _ in range(400):
        values = noise.normal(0, 0.02, (5, 5)) + noise.normal(0, 1, 5)
        values[noise.random((5, 5)) < 0.1] = np.nan
        found = mcb.may_be_best(values)
        lost += found is not None and bool(np.isfinite(values[0]).any()) and not found[0]
    assert lost / 400 < 0.08


def test_settings_without_a_common_seed_are_not_told_apart() -> None:
    noise = np.random.default_rng(0)
    values = noise.normal(0, 0.02, (6, 6))
    values[:5, 3:] = values[5, :3] = np.nan
    values[5] += 0.5
    assert mcb.may_be_best(values)[5]  # type: ignore[index]
    values[5, 0] = 0.5
    assert not mcb.may_be_best(values)[5]  # type: ignore[index]


def test_runs_of_other_code_are_told(tmp_path: Path) -> None:
    for seed, (digest, before) in enumerate((("a", []), ("b", []), ("b", [{"files": {"mine.py": "a"}}]))):
        path = records.run(tmp_path, 2.0, seed=seed)
        record = json.loads((path / "record.json").read_text())
        record["environment"]["code"] = {"files": {"mine.py": digest}, "before": before}
        (path / "record.json").write_text(json.dumps(record))
    _, warnings = provenance_tables.reproducibility([Runs(collect([tmp_path]))])
    assert "1 run of charlm continued with other code than it began with." in warnings
    assert any("not all trained by the same code: mine.py changed between them" in warning for warning in warnings)


def test_scores_over_tasks(tmp_path: Path) -> None:
    """Chance is 3 nats; the best arm of a task has a score of one. By hand: an RNN at 2.1 with a GRU at 2.0 has 0.9."""
    for task, better in (("charlm", 0.1), ("parity", 0.1), ("xor", -0.25)):
        for cell, loss in (("gru", 2.0), ("rnn", 2.0 + better)):
            for rate in RATES[:2]:
                for seed in range(3):
                    path = records.run(
                        tmp_path / task, loss - 0.01, task=task, cell=cell, seed=seed, optimizer__lr=rate
                    )
                    record = json.loads((path / "record.json").read_text())
                    record["declared"]["loss"]["chance"] = 3.0
                    (path / "record.json").write_text(json.dumps(record))
    frame = collect([tmp_path])
    of = scores(tuned_comparisons([Runs(part) for _, part in frame.groupby("task")], None, {}, DesignOptions()))
    assert of is not None
    by_arm = dict(zip(of.arms, of.means.tolist(), strict=True))
    assert by_arm["GRU"] == pytest.approx([1, 1, 0.8])
    assert by_arm["RNN"] == pytest.approx([0.9, 0.9, 1])
    table = across.table(of)
    assert [row.cells[0].text for row in table.rows] == ["GRU", "RNN"]
    assert "GRU has the best mean score, 0.93, and is best on 2 of 3" in across.sentence(of)
    assert [row.cells[-1].text for row in table.rows] == ["·", "33%"]
    assert "a test over tasks needs 6" in " ".join(table.notes)


def test_the_interquartile_mean() -> None:
    assert iqm(np.array([0.0, 1, 2, 3, 4, 5, 6, 100])) == 3.5
