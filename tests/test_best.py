"""The best setting by its mean over seeds, and the command and the study that train it with fresh seeds."""

import dataclasses
import itertools
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import records

from rnnsweep import best
from rnnsweep.api.best_setting import BestSetting
from rnnsweep.api.compose import composed, described
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError
from rnnsweep.ranking import Ranking, ranked
from rnnsweep.record import Declaration, RunStore
from rnnsweep.sweep.view import best_lines

LOSSES = {("gru", 0): 1.0, ("gru", 1): 3.0, ("lstm", 0): 1.5, ("lstm", 1): 1.7}
"""The luckiest run is a GRU's, the best mean the LSTM's."""


def rankings(study: Path) -> dict[str, Ranking]:
    stores = [RunStore(path) for path in sorted(study.iterdir()) if path.name[0] != "."]
    return ranked(record for store in stores if (record := store.record()))


def test_the_mean_counts_and_not_the_luckiest_seed(tmp_path: Path) -> None:
    for (cell, seed), loss in LOSSES.items():
        records.run(tmp_path, loss, cell=cell, seed=seed)
    ranking = rankings(tmp_path)["charlm"]
    assert [each.values for each in ranking.settings] == [{"cell": "lstm"}, {"cell": "gru"}]
    assert ranking.settings[0].mean == pytest.approx(1.6)
    assert ranking.settings[0].deviation == pytest.approx(0.1 * 2**0.5)
    said = best.lines("charlm", ranking)
    assert said[0] == "charlm: the best of 2 settings by val/loss, mean over seeds 0, 1 ± standard deviation"
    assert said[1] == "  1.6 ± 0.14  cell=lstm"
    assert best_lines([record for each in ranking.settings for record in each.records]) == [
        "",
        "best of charlm: cell=lstm  val/loss 1.6000, mean of 2 seeds",
    ]


def test_a_setting_with_a_diverged_or_a_missing_run_is_not_ranked(tmp_path: Path) -> None:
    for (cell, seed), loss in LOSSES.items():
        records.run(tmp_path, loss, cell=cell, seed=seed)
    records.run(tmp_path, 0.1, cell="rnn", seed=0)
    records.run(tmp_path, 0.1, cell="rnn", seed=1, status="diverged")
    records.run(tmp_path, 0.1, cell="indrnn", seed=0)
    ranking = rankings(tmp_path)["charlm"]
    assert [each.values["cell"] for each in ranking.settings] == ["lstm", "gru"]
    assert ranking.left_out == 2
    assert (
        best.lines("charlm", ranking)[-1]
        == "  2 of 4 settings are not ranked: a run diverged, failed, was pruned or is missing"
    )


def test_a_failed_run_is_one_of_its_setting_and_none_of_its_own(tmp_path: Path) -> None:
    """Its record does not say which settings change no result."""
    for (cell, seed), loss in LOSSES.items():
        status = "failed" if (cell, seed) == ("gru", 1) else "complete"
        path = records.run(tmp_path, loss, cell=cell, seed=seed, status=status)
        if status == "failed":
            record = json.loads((path / "record.json").read_text())
            record["environment"] = {key: record["environment"][key] for key in ("versions", "platform")}
            (path / "record.json").write_text(json.dumps(record))
    ranking = rankings(tmp_path)["charlm"]
    assert [each.values for each in ranking.settings] == [{"cell": "lstm"}]
    assert ranking.left_out == 1


@pytest.mark.parametrize("confirmed", [3e-3, 1e-2])
def test_a_setting_with_more_seeds_is_ranked_by_those_of_the_others(confirmed: float, tmp_path: Path) -> None:
    """Fresh seeds that confirm a setting in the same study were all that was ranked: it was the best of one."""
    for rate in (1e-3, 3e-3, 1e-2):
        for seed in range(8 if rate == confirmed else 3):
            records.run(tmp_path, 2.0 + (rate != 3e-3) + seed, seed=seed, optimizer__lr=rate)
    ranking = rankings(tmp_path)["charlm"]
    assert ranking.left_out == 0
    assert ranking.notes == ()
    assert next(each.values["optimizer.lr"] for each in ranking.settings) == 3e-3
    assert {(tuple(each.seeds), each.mean) for each in ranking.settings} == {((0, 1, 2), 3.0), ((0, 1, 2), 4.0)}


def test_what_changes_no_result_makes_no_setting(tmp_path: Path) -> None:
    for threads in (1, 2):
        records.run(tmp_path, 1.0, seed=threads, train__threads=threads)
    (setting,) = rankings(tmp_path)["charlm"].settings
    assert setting.seeds == [1, 2]


def with_data(study: Path, loss: float, data: str, source: str | None = None, **settings: Any) -> None:
    """A run that was trained on these data; records of earlier versions do not have the hash of their files."""
    store = RunStore(records.run(study, loss, **settings))
    record = store.record()
    assert record is not None
    record.environment.update({"data_hash": data} | ({} if source is None else {"source_hash": source}))
    store.finish(record)


def test_two_data_sets_are_two_settings(tmp_path: Path) -> None:
    """The path of a text changes no result by itself; its content does."""
    for seed in range(2):
        for text, data, loss in (("a.txt", "aaaaaaaaaa", 1.0), ("b.txt", "bbbbbbbbbb", 2.0)):
            with_data(tmp_path, loss, data, seed=seed, task__text=text)
    ranking = rankings(tmp_path)["charlm"]
    assert [(each.values, each.seeds) for each in ranking.settings] == [
        ({"task.text": "a.txt"}, [0, 1]),
        ({"task.text": "b.txt"}, [0, 1]),
    ]
    note = "the settings were evaluated on different data or symbols: their means differ by these, too"
    assert f"  {note}" in best.lines("charlm", ranking)
    assert f"  {note}" in best_lines(each for row in ranking.settings for each in row.records)


def test_two_vocabularies_are_told(tmp_path: Path) -> None:
    """With fewer symbols the best constant answer has a lower loss, and so has every model."""
    for seed, (count, chance) in itertools.product(range(2), ((1, 5.0), (30, 3.0))):
        store = RunStore(records.run(tmp_path, chance - 1, seed=seed, task__min_count=count))
        record = store.record()
        assert record is not None
        store.finish(dataclasses.replace(record, declared={"loss": Declaration("nats", "min", chance)}))
    (note,) = rankings(tmp_path)["charlm"].notes
    assert note.startswith("the settings were evaluated on different data or symbols")


def test_a_file_that_was_changed_makes_two_settings(tmp_path: Path) -> None:
    for seed in range(2):
        for folder, data, loss in (("one", "aaaaaaaaaa", 1.0), ("two", "bbbbbbbbbb", 2.0)):
            with_data(tmp_path / folder, loss, data, seed=seed, task__text="a.txt")
    ranking = ranked(
        record for path in sorted(tmp_path.glob("*/*")) if (record := RunStore(path).record()) is not None
    )["charlm"]
    assert [(each.words, each.seeds) for each in ranking.settings] == [
        ("task.data_hash=aaaaaaaa", [0, 1]),
        ("task.data_hash=bbbbbbbb", [0, 1]),
    ]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["a.txt", "b.txt"], ["task.text=a.txt", "task.text=b.txt"]),
        (["a.txt", "a.txt"], ["task.data_hash=aaaaaaaa", "task.data_hash=bbbbbbbb"]),
    ],
)
def test_two_data_sets_with_other_seeds_are_two_settings(texts: list[str], words: list[str], tmp_path: Path) -> None:
    """Seeds 0 and 1 of one text and 2 and 3 of another, or of a file that was changed, are not four seeds."""
    for text, data, seeds in zip(texts, "ab", ((0, 1), (2, 3)), strict=True):
        for seed in seeds:
            with_data(tmp_path, 1.0, f"{data}{seed}" * 5, data * 10, seed=seed, task__text=text)
    ranking = rankings(tmp_path)["charlm"]
    assert [each.seeds for each in ranking.settings] == [[0, 1], [2, 3]]
    words = (
        {"task.text=a.txt", "task.text=b.txt"} if texts[0] != texts[1] else {f"task.data_hash={h * 8}" for h in "ab"}
    )
    assert {each.words for each in ranking.settings} == words
    assert [note.split(":")[0] for note in ranking.notes] == [
        "not all settings have the same seeds",
        "the settings were evaluated on different data or symbols",
    ]


def test_one_file_with_other_examples_for_each_seed_is_one_setting(tmp_path: Path) -> None:
    for seed in range(3):
        with_data(tmp_path, 1.0, f"{seed}" * 10, "a" * 10, seed=seed)
    (setting,) = rankings(tmp_path)["charlm"].settings
    assert setting.seeds == [0, 1, 2]


def test_data_of_each_seed_are_one_setting(tmp_path: Path) -> None:
    for seed in range(3):
        with_data(tmp_path, 1.0, f"{seed}" * 10, seed=seed)
    (setting,) = rankings(tmp_path)["charlm"].settings
    assert setting.seeds == [0, 1, 2]


def test_settings_with_other_seeds_are_told(tmp_path: Path) -> None:
    for seed in range(2):
        records.run(tmp_path, 1.0, seed=seed)
        records.run(tmp_path, 2.0, cell="lstm", seed=5 + seed)
    said = best.lines("charlm", rankings(tmp_path)["charlm"])
    assert "  not all settings have the same seeds: their means differ by the seeds, too" in said


def test_a_setting_that_one_cell_alone_has_is_shown(tmp_path: Path) -> None:
    records.run(tmp_path, 3.0)
    for bias in (0, 1):
        records.run(tmp_path, 1.0 + bias, cell="lstm", cell__forget_bias=bias)
    words = [each.words for each in rankings(tmp_path)["charlm"].settings]
    assert words == ["cell=lstm cell.forget_bias=0", "cell=lstm cell.forget_bias=1", "cell=gru"]


WORDS = ("task=parity", "cell=lstm", "optimizer=sgd", "optimizer.lr=0.3", "train.clip=null", "task.test_lengths=[40]")


def written(study: Path, config: Config, fingerprint: str) -> None:
    """A run with this config, never trained."""
    store = RunStore(records.run(study, 1.0))
    path = store.path.rename(study / "parity-lstm-s4-0")
    record = RunStore(path).record()
    assert record is not None
    vars(record)["config"], vars(record)["run"] = config, path.name
    RunStore(path).begin(config, {"fingerprint": fingerprint})
    RunStore(path).finish(record)


def test_the_command_and_the_study_describe_the_very_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Composed anew, both have the fingerprint of the run, but for the seed."""
    run = composed(*WORDS, "seed=4")
    written(tmp_path / "mine", run.written, run.fingerprint)
    (setting,) = rankings(tmp_path / "mine")["parity"].settings
    chosen = BestSetting.of(tmp_path / "mine", setting, range(5, 8))
    assert composed(*chosen.words(), "seed=4").fingerprint == run.fingerprint
    monkeypatch.chdir(tmp_path)
    chosen.write(Path("conf/study/best.yaml"), ["how it was chosen"])
    text = Path("conf/study/best.yaml").read_text()
    assert text.startswith("# @package _global_\n# how it was chosen\n")
    own = f"hydra.searchpath=[file://{tmp_path}/conf]"
    assert composed(own, "+study=best", "seed=4").fingerprint == run.fingerprint
    assert shlex.join(chosen.study_command(Path("conf/study/best.yaml"))).endswith("--config-dir conf +study=best")
    assert chosen.command()[-2:] == ["seed=range(5,8)", "hydra.sweeper.name=mine-best"]
    with pytest.raises(ConfigError, match="exists already"):
        chosen.write(Path("conf/study/best.yaml"), [])
    with pytest.raises(ConfigError, match=r"expected conf/study/NAME.yaml, got best.yaml"):
        chosen.write(Path("best.yaml"), [])


def test_a_setting_that_cannot_be_composed_as_it_was_is_refused(tmp_path: Path) -> None:
    run = composed(*WORDS, "seed=4")
    written(tmp_path / "mine", run.written, "0" * 64)
    (setting,) = rankings(tmp_path / "mine")["parity"].settings
    with pytest.raises(ConfigError, match="cannot be composed as they were"):
        BestSetting.of(tmp_path / "mine", setting, range(3))


@pytest.mark.parametrize("group", ["study", "best"])
def test_a_config_that_changes_nothing_is_refused_by_name(group: str, tmp_path: Path) -> None:
    (tmp_path / group).mkdir()
    (tmp_path / group / "best.yaml").write_text("optimizer:\n  lr: 0.5\n")
    said = rf"{group}: {group}/best.yaml lacks the first line `# @package _global_`"
    with pytest.raises(ConfigError, match=said):
        described(f"hydra.searchpath=[file://{tmp_path}]", f"+{group}=best")


def test_several_tasks_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    records.run(tmp_path, 1.0)
    records.run(tmp_path, 2.0, task="parity")
    for words, said in (
        (["--write", "conf/study/x.yaml"], f"--write: {tmp_path} has several tasks; choose one: --task charlm"),
        (["--task", "xml"], "--task: there is no complete run of `xml`; there is charlm, parity"),
    ):
        monkeypatch.setattr("sys.argv", ["best", str(tmp_path), *words])
        with pytest.raises(SystemExit):
            best.main()
        assert capsys.readouterr().err.strip() == f"rnnsweep.best: {said}"
