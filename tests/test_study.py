"""What a study counts: levels that are retired, runs by state, two studies as one, grids without a name."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import records
from conftest import PARITY, Prepared

from rnnsweep import errors, planned, retired, study
from rnnsweep.api.sweeping import _tell_others
from rnnsweep.errors import ConfigError
from rnnsweep.merging import merge
from rnnsweep.planned import Planned
from rnnsweep.record import RunStore
from rnnsweep.report.cli import main as report
from rnnsweep.report.results import results
from rnnsweep.status import whole
from rnnsweep.study_folder import drawn_file, published_file
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.unrelated import refuse_unrelated
from rnnsweep.sweep.view import Progress


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Two cells with two seeds each, one run failed."""
    folder = tmp_path / "mine"
    paths = [records.run(folder, 1.0 + seed, cell=cell, seed=seed) for cell in ("gru", "lstm") for seed in (0, 1)]
    paths.append(records.run(folder, 1.0, status="failed", cell="rnn", seed=0))
    plan(folder, *paths).save()
    return folder


def plan(folder: Path, *paths: Path, task: str = "charlm", keys: str = "cell seed") -> Plan:
    runs = []
    for path in paths:
        config = RunStore(path).config() or {}
        config["choices"]["task"] = task
        words = [f"{key}={config['choices'].get(key, config.get(key, 1))}" for key in keys.split()]
        runs.append(Planned(path.name, "", config, words, [], fingerprint=path.name))
    return Plan(folder, runs)


def planned_of(path: Path) -> Planned:
    return Planned(path.name, "", RunStore(path).config() or {}, [], fingerprint=path.name)


def test_the_overview_names_levels_and_states(mine: Path) -> None:
    said = study.overview(mine)
    assert said[0] == f"{mine}: 5 runs  4 complete  1 failed"
    assert "  cell=gru (2), cell=lstm (2), cell=rnn (1)" in said
    assert "  seed=0 (3), seed=1 (2)" in said


def test_a_retired_level_is_kept_and_not_counted(mine: Path, tmp_path: Path) -> None:
    study.change(mine, ["cell=lstm"], [])
    assert sorted(set(results(mine)["cell"])) == ["gru", "rnn"]
    assert len(list(mine.glob("charlm-lstm-*/record.json"))) == 2
    assert (
        "cell=lstm is retired: 2 runs are kept on disk and not counted; --restore cell=lstm" in study.overview(mine)[-1]
    )
    report([str(mine), "--out", str(tmp_path / "report")])
    assert f"cell=lstm in {mine} is retired: 2 runs are on disk" in (tmp_path / "report" / "report.html").read_text()
    study.change(mine, [], ["cell=lstm"])
    assert len(results(mine)) == 5


def test_numbers_are_levels_however_they_are_typed() -> None:
    assert retired.Level.of("optimizer.lr=1e-3").holds({"optimizer.lr": 0.001})
    assert retired.Level.of("train.clip=null").holds({"train.clip": None})
    assert retired.Level.of("train.clip=1").holds({"train.clip": 1.0})
    assert not retired.Level.of("train.clip=null").holds({})
    assert not retired.Level.of("train.flag=1").holds({"train.flag": True})


def test_a_level_is_one_however_it_is_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for rate in (1e-3, 3e-3):
        records.run(tmp_path, 1.0, optimizer__lr=rate)
    (tmp_path / ".study").mkdir()
    study.change(tmp_path, ["optimizer.lr=1e-3"], [])
    study.change(tmp_path, ["optimizer.lr=0.001"], [])
    assert [str(level) for level in retired.read(tmp_path)] == ["optimizer.lr=1e-3"]
    assert len(results(tmp_path)) == 1
    assert f"optimizer.lr=1e-3 in {tmp_path} is retired: 1 run is left out" in capsys.readouterr().err
    study.change(tmp_path, [], ["optimizer.lr=0.0010"])
    assert retired.read(tmp_path) == []


@pytest.mark.parametrize(
    ("retire", "restore", "said"),
    [
        ("cell=lstn", "", "no run has this level; `cell` is gru, lstm, rnn"),
        ("sell=lstm", "", "no run has a setting `sell`"),
        ("cell", "", "expected a setting and its value"),
        ("cell=gru cell=lstm cell=rnn", "", "would leave no run"),
        ("", "cell=gru", "is not retired; this study has no retired level"),
    ],
)
def test_what_cannot_be_retired_is_refused(mine: Path, retire: str, restore: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        study.change(mine, retire.split(), restore.split())
    assert retired.read(mine) == []


def test_runs_in_a_state_are_listed_with_their_commands(mine: Path) -> None:
    said = study.runs_in(study.rows(mine), "failed")
    assert said[0] == "1 run is failed"
    assert said[1].startswith("charlm-rnn-s0-")
    assert said[2].strip().startswith("python -m rnnsweep cell=rnn seed=0")


def test_another_study_is_merged_and_stays(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    new, same = records.run(other, 2.0, cell="gru", seed=2), records.run(other, 1.0, cell="gru", seed=0)
    plan(other, new, same).save()
    copied, there = merge(other, mine)
    assert copied == [new.name]
    assert there == [same.name]
    assert new.exists()
    assert len(results(mine)) == 6
    assert merge(other, mine) == ([], sorted([new.name, same.name]))


def test_the_losses_of_two_tasks_have_no_best(tmp_path: Path) -> None:
    paths = [records.run(tmp_path, loss, task=task) for task, loss in (("charlm", 1.0), ("sine", 0.1))]
    both, one = (Progress(Plan(tmp_path, [planned_of(path) for path in part])) for part in (paths, paths[:1]))
    for progress in (both, one):
        progress.look()
    assert both.best is None
    assert "best" not in both.summary()
    assert one.best is not None
    assert one.best.run == paths[0].name


def test_what_a_study_says_of_its_runs_is_merged_or_told(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    plan(other, records.run(other, 2.0, cell="lstm", seed=2), records.run(other, 2.0, cell="gru", seed=2)).save()
    study.change(other, ["cell=lstm"], [])
    for folder, key, published in ((mine, "optimizer.lr", "1"), (other, "train.clip", "2")):
        drawn_file(folder).write_text(json.dumps([key]))
        published_file(folder).write_text(published)
    errors.TOLD.clear()
    merge(other, mine)
    assert planned.drawn(mine) == ["optimizer.lr", "train.clip"]
    told = capsys.readouterr().err
    assert f"cell=lstm is retired in {other} and counts in {mine}" in told
    assert f"{mine} is compared with other published numbers than {other}" in told
    published_file(mine).unlink()
    merge(other, mine)
    assert published_file(mine).read_text() == "2"


def test_a_finished_run_does_not_vanish_behind_an_unfinished_one(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    same = records.run(other, 1.0, cell="gru", seed=0)
    plan(other, same).save()
    (mine / same.name / "record.json").unlink()
    with pytest.raises(ConfigError, match="is finished, and the same run in"):
        merge(other, mine)


def test_searches_and_what_is_no_study_are_not_merged(mine: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the directory of a study"):
        merge(tmp_path, mine)
    with pytest.raises(ConfigError, match="is the study itself"):
        merge(mine, mine)
    (mine / ".study" / "optuna.journal").touch()
    with pytest.raises(ConfigError, match="only plain grids"):
        merge(mine, mine)


def test_a_grid_without_a_name_joins_its_like_alone(tmp_path: Path) -> None:
    folder = tmp_path / "default"
    first, second, third = (
        records.run(folder, 1.0, seed=seed, cell=cell) for seed, cell in enumerate(("gru", "rnn", "mut1"))
    )
    plan(folder, first, second).save()
    refuse_unrelated(plan(folder, first, second, third), "default")
    refuse_unrelated(plan(folder, third), "default")
    refuse_unrelated(plan(folder, second, third, keys="cell seed train.clip"), "default")
    refuse_unrelated(plan(folder, third, task="parity"), "mine")
    for other in (plan(folder, third, task="parity"), plan(folder, third, keys="cell seed train.clip")):
        renamed = [dataclasses.replace(run, fingerprint="another") for run in other.runs]
        with pytest.raises(ConfigError, match=r"hydra\.sweeper\.name=(parity|charlm)"):
            refuse_unrelated(dataclasses.replace(other, runs=renamed), "default")


def test_a_named_study_tells_that_it_holds_grids_of_different_things(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    first, second = (records.run(folder, 1.0, seed=seed) for seed in range(2))
    plan(folder, first).save()
    refuse_unrelated(plan(folder, second), "mine")  # another seed
    assert capsys.readouterr().err == ""
    other = plan(folder, second, keys="train.clip")
    refuse_unrelated(
        dataclasses.replace(other, runs=[dataclasses.replace(run, fingerprint="another") for run in other.runs]), "mine"
    )
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "holds grids with other settings" in said
    assert "now: train.clip" in said


def test_a_search_beside_another_one_or_a_grid_is_told(prepared: Prepared, capsys: pytest.CaptureFixture[str]) -> None:
    parity = (*PARITY, "train.warmup=0")
    words = ("-m", *parity, "hydra.sweeper.search=random", "hydra.sweeper.name=mine")

    def said(*more: str) -> str:
        (search,) = prepared(*words, *more)
        search.save()
        return capsys.readouterr().err

    assert said("optimizer.lr=1e-3,1e-2") == ""
    assert said("optimizer.lr=1e-3,1e-2", "hydra.sweeper.n_trials=30") == "", "the same search, longer"
    beside = said("cell=rnn,gru", "optimizer.lr=1e-3,1e-2")
    assert "holds another search (over optimizer.lr; now over cell, optimizer.lr)" in beside
    assert beside.count("\n") == 1
    (grid,) = prepared("-m", *parity, "seed=0,1", "hydra.sweeper.name=grid")
    assert capsys.readouterr().err == ""
    grid.save()
    prepared("-m", *parity, "seed=0,1", "hydra.sweeper.name=mine")
    assert "multirun/mine holds a search; one report counts both" in capsys.readouterr().err
    assert "multirun/grid holds a grid; this one begins with no trials" in said(
        "cell=rnn,gru", "hydra.sweeper.name=grid"
    )


def test_a_plan_within_another_one_is_shown_once(mine: Path) -> None:
    paths = sorted(mine.glob("charlm-*"))
    small, large, apart = plan(mine, *paths[:2]), plan(mine, *paths[:3]), plan(mine, *paths[3:])
    assert whole([small, large, apart]) == [large, apart]
    assert whole([small, small]) == [small]
    assert whole([Plan(mine, [])]) == []


def test_the_command_tells_a_mistake_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["study", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as ended:
        study.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("other", [["--merge", "x"], ["--only", "failed"]])
@pytest.mark.parametrize("change", ["--retire", "--restore"])
def test_commands_that_exclude_each_other_are_refused(
    other: list[str], change: str, mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["study", str(mine), change, "cell=gru", *other])
    with pytest.raises(SystemExit) as ended:
        study.main()
    assert ended.value.code == 2
    assert "--retire and --restore are commands of their own" in capsys.readouterr().err
    assert not retired.read(mine)


WORDS = ("-m", "task=wordlm", "task.text=t.txt", "task.seq_len=8", "train.batch_size=4", "train.steps=4")


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("hydra.sweeper.search=random task.min_count=range(1,100)", "task.min_count"),
        ("hydra.sweeper.search=random task=wordlm,charlm", "task"),
        ("hydra.sweeper.search=random task.embedding_size=4,8", ""),
        ("cell=rnn,gru hydra.sweeper.compare=cell hydra.sweeper.tune={task.min_count:[1,100]}", "task.min_count"),
        ("cell=rnn,gru hydra.sweeper.compare=cell hydra.sweeper.tune={task.embedding_size:[4,8]}", ""),
    ],
)
def test_a_choice_by_losses_of_different_symbols_is_told(
    words: str, keys: str, prepared: Prepared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (" ".join(f"w{(n * k) % 41}" for k in range(8)) for n in range(300))
    (tmp_path / "t.txt").write_text("\n".join(lines))
    errors.TOLD.clear()
    prepared(*WORDS, *words.split(), "hydra.sweeper.name=mine")
    told = f"rnnsweep: {keys}: runs are chosen by losses on different data or symbols"
    assert (told in capsys.readouterr().err) is bool(keys)


def test_a_frame_of_several_sweeps_is_told(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    errors.TOLD.clear()
    _tell_others(mine, list(results(mine)["run"]))
    assert capsys.readouterr().err == ""
    plan(mine, records.run(mine, 2.0, cell="gru", seed=0, train__steps=200)).save()
    _tell_others(mine, list(results(mine)["run"]))
    assert f"{mine} holds several sweeps, of 6 runs together" in capsys.readouterr().err
