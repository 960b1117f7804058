"""Which matched pairs count, and what counts once among them: small frames with known answers."""

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import records

from rnnsweep.record import Declaration, RunStore
from rnnsweep.report import reservations, stats
from rnnsweep.report.analysis import DesignOptions, tuned_comparisons
from rnnsweep.report.collect import collect
from rnnsweep.report.effect_tables import effect_table
from rnnsweep.report.effects import Effect
from rnnsweep.report.equal_cost import at_equal
from rnnsweep.report.leaderboard import leaderboard
from rnnsweep.report.matched_runs import MatchedRuns, _ratio, _times
from rnnsweep.report.pairs import balanced, counted_unit, ended_pairs, independent_means, seeds_per_setting
from rnnsweep.report.results import results
from rnnsweep.report.runs import Runs
from rnnsweep.report.sentences import effect_sentence
from rnnsweep.report.tuned_sentences import sentences

pytestmark = pytest.mark.usefixtures("figures_not_drawn")


def pairs(seeds: dict[str, list[int]], difference: float = 0.0) -> pd.DataFrame:
    """A pair for each seed of each setting."""
    rows = [(block, seed) for block, own in seeds.items() for seed in own]
    return pd.DataFrame(rows, columns=["block", "seed"]).assign(difference=difference)


def kept(seeds: dict[str, list[int]]) -> dict[str, list[int]]:
    found = balanced(pairs(seeds))
    return {str(block): sorted(own["seed"]) for block, own in found.groupby("block")}


@pytest.mark.parametrize(
    ("seeds", "whole"),
    [
        ({"a": [0, 1], "b": [0, 1]}, {"a": [0, 1], "b": [0, 1]}),
        ({"a": [0, 1, 2, 3], "b": [1, 2, 3], "c": [1, 2, 3]}, {"a": [1, 2, 3], "b": [1, 2, 3], "c": [1, 2, 3]}),
        ({"a": [0], "b": [0], "c": [0, 1]}, {"a": [0], "b": [0], "c": [0]}),
        ({"a": [0, 1], "b": [0, 1], "c": [0, 2]}, {"a": [0, 1], "b": [0, 1]}),
        ({"a": [0, 1, 2], "b": [0], "c": [0], "d": [0]}, {"a": [0, 1, 2]}),
    ],
    ids=["all", "common seeds", "one seed", "two settings", "enough seeds before more pairs"],
)
def test_the_largest_part_in_which_each_setting_has_each_seed(
    seeds: dict[str, list[int]], whole: dict[str, list[int]]
) -> None:
    assert kept(seeds) == whole


def test_settings_count_where_there_are_three() -> None:
    assert counted_unit(pairs({"a": [0], "b": [0]})) == "seed"
    assert counted_unit(pairs({"a": [0], "b": [0], "c": [0]})) == "setting"


def test_seeds_are_the_sample_unless_no_two_settings_share_one() -> None:
    shared = pairs({"a": [0, 1], "b": [0, 1]}).assign(difference=[1.0, 2.0, 3.0, 6.0])
    assert independent_means(shared) == ([2.0, 4.0], "seed")
    apart = pairs({"a": [0, 1], "b": [2, 3]}).assign(difference=[1.0, 2.0, 3.0, 6.0])
    assert independent_means(apart) == ([1.5, 4.5], "setting")
    alone = pairs({"a": [0, 1]}).assign(difference=[1.0, 2.0])
    assert independent_means(alone) == ([1.0, 2.0], "seed")


def test_the_fewest_and_the_most_seeds_of_a_setting() -> None:
    assert seeds_per_setting(pairs({"a": [0, 1, 2], "b": [0]})) == (1, 3)
    assert seeds_per_setting(pairs({})) == (0, 0)


def test_a_pair_has_ended_where_each_side_diverged_or_has_a_value() -> None:
    frame = pd.DataFrame(
        {
            "state": ["complete", "diverged", "complete", "failed"],
            "value": [1.0, np.nan, np.nan, np.nan],
            "state_base": ["complete", "complete", "complete", "diverged"],
            "value_base": [2.0, 2.0, 2.0, np.nan],
        }
    )
    assert list(ended_pairs(frame).index) == [0, 1]


# At equal cost ---------------------------------------------------------------------------------------------------


def at_equal_parameters(folder: Path, level: dict[int, float], baseline: dict[int, float]) -> list[float]:
    """The differences of two cells whose parameters are the square of the hidden size, twice; losses by hidden size."""
    for cell, losses in (("minlstm", level), ("mingru", baseline)):
        for size, loss in losses.items():
            records.run(folder, loss, cell=cell, cell__hidden_size=size)
    runs = Runs(collect([folder]))
    cell, along = runs.settings.factor("cell"), runs.settings.factor("cell.hidden_size")
    return at_equal(runs, cell, along, "parameters", runs.metric(None), "minlstm", "mingru")[0]


def test_both_ends_of_the_baselines_range_are_within_it(tmp_path: Path) -> None:
    found = at_equal_parameters(tmp_path, {8: 2.0, 16: 1.0}, {8: 2.5, 16: 1.7})
    assert found == pytest.approx([-(0.5 + 0.7) / 2])


def test_what_lies_beyond_the_baselines_range_is_left_out(tmp_path: Path) -> None:
    found = at_equal_parameters(tmp_path, {4: 9.0, 8: 2.0, 16: 1.0, 32: 9.0}, {8: 2.5, 16: 1.7})
    assert found == pytest.approx([-(0.5 + 0.7) / 2])


def test_one_size_gives_no_line(tmp_path: Path) -> None:
    assert at_equal_parameters(tmp_path, {8: 2.0, 16: 1.0}, {8: 2.5}) == []


# What the differences show ---------------------------------------------------------------------------------------


def effect(folder: Path, differences: list[float], **changes: Any) -> Effect:
    """The effect of a cell over seeds, with fields of it changed."""
    for seed, difference in enumerate(differences):
        records.run(folder, 2.0, cell="gru", seed=seed)
        records.run(folder, 2.0 + difference, cell="lstm", seed=seed)
    runs = Runs(collect([folder]))
    (found,) = MatchedRuns(runs, runs.settings.factor("cell"), runs.metric(None)).against("gru")
    return dataclasses.replace(found, **changes)


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.25, 0.5, "clear"), (-0.5, -0.25, "clear"), (0.125, 0.25, "differs"), (0.125, 0.2, "small")],
)
def test_a_difference_is_compared_with_the_margin(low: float, high: float, says: str, tmp_path: Path) -> None:
    """An interval from the margin on is beyond it; one that ends at the margin is not below it."""
    interval = stats.Interval(mean=(low + high) / 2, low=low, high=high, p=0.001)
    assert effect(tmp_path, [0.1, 0.2, 0.4], interval=interval, adjusted=0.001).finding(0.25) == says


def test_fewer_than_three_differences_are_shown_and_not_tested(tmp_path: Path) -> None:
    found = effect(tmp_path, [0.1, 0.2, 0.4])
    assert [dataclasses.replace(found, values=(0.1,) * n).finding(0.01) for n in range(3)] == ["none", "single", "two"]
    assert found.finding(0.01) not in ("none", "single", "two")


def notes(folder: Path) -> str:
    runs = Runs(collect([folder]))
    metric, cell = runs.metric(None), runs.settings.factor("cell")
    return " ".join(effect_table(runs, cell, MatchedRuns(runs, cell, metric).against("gru"), metric, 0.01).notes)


def test_a_table_without_pairs_says_nothing_of_them(tmp_path: Path) -> None:
    for seed in range(3):
        records.run(tmp_path, 2.0, cell="gru", seed=seed)
        records.run(tmp_path, 2.0, "diverged", cell="lstm", seed=3 + seed)
    assert "No run of a matched pair diverged" not in notes(tmp_path)
    assert "the intervals hold" not in notes(tmp_path)


@pytest.mark.parametrize(("seeds", "intervals"), [(2, False), (3, True)])
def test_intervals_are_spoken_of_where_there_are_some(seeds: int, intervals: bool, tmp_path: Path) -> None:
    for seed in range(seeds):
        records.run(tmp_path, 2.0, cell="gru", seed=seed)
        records.run(tmp_path, 2.1 + seed / 99, cell="lstm", seed=seed)
    assert "No run of a matched pair diverged" in notes(tmp_path)
    assert ("the intervals hold" in notes(tmp_path)) == intervals


# Time and size ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("settings", "n"), [(2, 4), (3, 3)])
def test_times_are_averaged_over_seeds_where_there_are_three_settings(settings: int, n: int) -> None:
    """Twice the time; seeds of one setting do not time alike."""
    done = pairs({name: [0, 1] for name in "abc"[:settings]})
    done = done.assign(timed="", timed_base="", seconds=[2.0, 4.0] * settings, seconds_base=[1.0, 2.0] * settings)
    found = _times(done)
    assert (found.n, found.mean) == (n, pytest.approx(math.log(2)))


def test_times_of_two_machines_or_none_are_no_pair() -> None:
    done = pairs({"a": [0, 1, 2, 3]}).assign(timed=["", "x", "", ""], timed_base="")
    done = done.assign(seconds=[2.0, 9.0, 0.0, 4.0], seconds_base=[1.0, 1.0, 1.0, 0.0])
    assert (_times(done).n, _times(done).mean) == (1, pytest.approx(math.log(2)))


def test_a_ratio_is_a_geometric_mean_of_what_is_known() -> None:
    done = pairs({"a": [0, 1, 2, 3]}).assign(parameters=[2.0, 8.0, np.nan, 0.0], parameters_base=[1.0, 1.0, 1.0, 1.0])
    assert _ratio(done, "parameters") == pytest.approx(4.0)
    assert math.isnan(_ratio(done.iloc[2:], "parameters"))


def changed(folder: Path, *data: str) -> Path:
    """Two cells with three seeds each, once with each of these data."""
    for number, digest in enumerate(data):
        for seed in range(3):
            for cell, loss in (("rnn", 1.0), ("gru", 1.0 + 0.1 * (seed + 1))):
                path = records.run(folder / str(number), loss + number, cell=cell, seed=seed)
                store = RunStore(path)
                record = store.record()
                assert record is not None
                record.environment["data_hash"] = digest.format(seed=seed) * 10
                store.finish(dataclasses.replace(record, run=f"{record.run}-{number}"))
                path.rename(path.with_name(f"{path.name}-{number}"))
    return folder


def test_a_file_that_was_changed_makes_no_repetitions(tmp_path: Path) -> None:
    """Equal settings and seeds on other data: six runs of a cell were one setting of six seeds."""
    frame = collect([changed(tmp_path, "a", "b")])
    runs = Runs(frame)
    assert runs.settings.varying == ["cell", "task.data_hash"]
    assert sorted(runs.frame.groupby("setting").size()) == [3] * 4
    (found,) = MatchedRuns(runs, runs.settings.factor("cell"), runs.metric(None)).against("rnn")
    assert (found.settings, found.seeds, found.planned) == (2, (3, 3), 6)
    assert found.values == pytest.approx((0.1, 0.2, 0.3))
    (said,) = reservations.of(frame)
    assert said.startswith("Runs of charlm with equal settings were trained on different data")
    assert results(tmp_path)["task.data_hash"].tolist() == ["a" * 8] * 6 + ["b" * 8] * 6


@pytest.mark.parametrize("data", [["a"], ["a", "a"], ["{seed}"]])
def test_the_same_data_are_not_told_apart(data: list[str], tmp_path: Path) -> None:
    frame = collect([changed(tmp_path, *data)])
    assert "task.data_hash" not in frame
    assert reservations.of(frame) == []


@pytest.mark.parametrize("second", ["b.txt", "a.txt"])
def test_two_data_sets_with_other_seeds_are_two_settings(second: str, tmp_path: Path) -> None:
    """Seeds 0 and 1 of one text and 2 and 3 of another, or of a file that was changed, are not four seeds."""
    for text, data, seeds in (("a.txt", "a", (0, 1)), (second, "b", (2, 3))):
        for seed in seeds:
            store = RunStore(records.run(tmp_path, 1.0, seed=seed, task__text=text))
            record = store.record()
            assert record is not None
            record.environment.update(source_hash=data * 10, data_hash=f"{data}{seed}" * 5)
            store.finish(record)
    runs = Runs(collect([tmp_path]))
    assert runs.settings.varying == ["task.text" if second == "b.txt" else "task.data_hash"]
    assert sorted(runs.frame.groupby("setting").size()) == [2, 2]
    notes = leaderboard(runs, runs.metric(None), {}).notes
    assert "Not all settings are comparable: they were evaluated on different data or symbols." in notes


@pytest.mark.parametrize(
    ("chances", "known", "alike"),
    [((5.0, 3.0), True, False), ((5.0, 5.0), True, True), ((None, None), True, True), ((5.0, 3.0), False, True)],
)
def test_losses_of_two_vocabularies_are_told(
    chances: tuple[float | None, ...], known: bool, alike: bool, tmp_path: Path
) -> None:
    """A smaller vocabulary has lower losses, whatever the model."""
    for (count, chance), seed, cell in itertools.product(zip((1, 30), chances, strict=True), range(3), ("rnn", "gru")):
        store = RunStore(records.run(tmp_path, 1 / count + seed / 50, seed=seed, cell=cell, task__min_count=count))
        record = store.record()
        assert record is not None
        record.environment["data_hash"] = "d" if known else None
        store.finish(dataclasses.replace(record, declared={"loss": Declaration("nats", "min", chance)}))
    runs = Runs(collect([tmp_path]))
    metric = runs.metric(None)
    (found,) = MatchedRuns(runs, runs.settings.factor("task.min_count"), metric).against("1")
    (cells,) = MatchedRuns(runs, runs.settings.factor("cell"), metric).against("rnn")
    said = "They were evaluated on different data or symbols, so a difference may come from these."
    assert found.alike is alike
    assert effect_sentence(found, metric, 0.01).endswith(said) is not alike
    assert said not in effect_sentence(cells, metric, 0.01)
    notes = leaderboard(runs, metric, {}).notes
    assert ("Not all settings are comparable: they were evaluated on different data or symbols." in notes) is not alike


@pytest.mark.parametrize("compared", ["task.text", "cell"])
def test_arms_on_two_texts_are_told_and_cells_on_each_are_compared(compared: str, tmp_path: Path) -> None:
    for text, seed, cell, rate in itertools.product("ab", range(3), ("rnn", "gru"), (0.1, 0.2)):
        loss = 1 + rate + seed / 50 + (text == "b") + 0.3 * (cell == "gru")
        store = RunStore(
            records.run(tmp_path, loss, seed=seed, cell=cell, optimizer__lr=rate, task__text=f"{text}.txt")
        )
        record = store.record()
        assert record is not None
        record.environment["data_hash"] = text * 10
        store.finish(record)
    (of,) = tuned_comparisons([Runs(collect([tmp_path]))], None, {}, DesignOptions([compared], ["optimizer.lr"]))
    assert of is not None
    said = "not all of these settings are comparable: they were evaluated on different data or symbols"
    assert (said in sentences(of)[0]) is (compared == "task.text")
