"""From what is typed to the configs of a plan: interpolations, conditions, globs, studies, names."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import Compose, Prepared, Told, study

import rnnsweep
from rnnsweep import cli, run, train
from rnnsweep.command_words import tell_repeated
from rnnsweep.errors import TOLD, ConfigError
from rnnsweep.interpolation import hidden, resolved
from rnnsweep.interrupt import StopRequest
from rnnsweep.places import directory, name_below
from rnnsweep.run.outline import without_numbers
from rnnsweep.sweep import precheck
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.search_worker import SearchWorker
from rnnsweep.sweep.skip import Skip
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import Worker

SMALL = ("task=parity", "task.examples=100", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=4")


def sizes(configs: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(config["task"]["embedding_size"], config["cell"]["hidden_size"]) for config in configs]


# Interpolations -------------------------------------------------------------------------------------------------

COUPLED = "cell.hidden_size=${task.embedding_size}"
IN_A_STUDY = """# @package _global_
hydra:
  sweeper:
    name: coupled
    params: {task: parity, cell: "rnn,gru", task.embedding_size: "16,24", cell.hidden_size: "${task.embedding_size}"}
"""


def test_an_interpolation_is_resolved_for_each_run_of_a_grid(prepared: Prepared) -> None:
    (plan,) = prepared("-m", "task=parity", "task.embedding_size=16,24", COUPLED)
    assert sizes([planned.config for planned in plan.runs]) == [(16, 16), (24, 24)]
    assert len({planned.id for planned in plan.runs}) == 2


def test_an_interpolation_is_resolved_for_each_run_of_a_study(prepared: Prepared, tmp_path: Path) -> None:
    study(tmp_path, "coupled", IN_A_STUDY)
    (plan,) = prepared("--config-dir", "conf", "+study=coupled")
    assert sizes([planned.config for planned in plan.runs]) == [(16, 16), (24, 24)] * 2


def test_an_interpolation_is_resolved_for_each_trial_of_a_search(prepared: Prepared, tmp_path: Path) -> None:
    study(tmp_path, "coupled", IN_A_STUDY)
    for words in (
        ("-m", "task=parity", "cell=rnn,gru", "task.embedding_size=16,24", COUPLED),
        ("--config-dir", "conf", "+study=coupled"),
    ):
        (search,) = prepared(*words, "hydra.sweeper.search=random")
        for size in (16, 24):
            trial = SimpleNamespace(params={"cell": "rnn", "task.embedding_size": size})
            assert sizes([planned.config for planned in search.planned(trial)]) == [(size, size)]


def test_an_interpolation_may_be_one_of_several_values(prepared: Prepared) -> None:
    (plan,) = prepared("-m", "task=parity", "task.embedding_size=16,24", f"{COUPLED},8")
    assert sizes([planned.config for planned in plan.runs]) == [(16, 16), (16, 8), (24, 24), (24, 8)]


def test_what_hydra_alone_knows_is_resolved_when_the_runs_are_planned(prepared: Prepared, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("to be or not to be " * 200)
    (plan,) = prepared("-m", "task.text=${hydra:runtime.cwd}/x.txt", "task.seq_len=16", "seed=0,1")
    assert {planned.config["task"]["text"] for planned in plan.runs} == {f"{tmp_path}/x.txt"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cell.hidden_size=${task.embeding_size}",), "Did you mean `task.embedding_size`?"),
        (("task.text=${oc.env:NO_SUCH_NAME}/x.txt",), "the environment variable `NO_SUCH_NAME` is not set"),
        (("task.embedding_size=${cell.hidden_size}", COUPLED), "Recursive interpolation"),
        (("cell.hidden_size=${nonsense:3}",), "Unsupported interpolation type nonsense"),
    ],
)
@pytest.mark.parametrize("mode", [("seed=3",), ("-m", "seed=0,1"), ("-m", "seed=0", "optimizer.lr=1e-3,1e-2", "+a")])
def test_a_wrong_interpolation_is_refused_by_name(
    words: tuple[str, ...], said: str, mode: tuple[str, ...], refused: Told
) -> None:
    mode = (*mode[:-1], "hydra.sweeper.search=random") if mode[-1] == "+a" else mode
    line = refused(*mode, *words)
    assert line.startswith(f"`{words[0]}`: ")
    assert said in line


def test_a_value_from_the_environment_is_in_no_file(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id is that of the value; files hold the text, a worker takes the value from its own environment."""
    secret = tmp_path / "hunter2"
    secret.mkdir()
    (secret / "x.txt").write_text("to be or not to be " * 200)
    monkeypatch.setenv("DATA", str(secret))
    shape = ("task.seq_len=16", "train.steps=2", "cell.hidden_size=4", "task.embedding_size=4", "train.batch_size=4")
    text = "task.text=${oc.env:DATA}/x.txt"
    (plain,) = prepared("-m", *shape, f"task.text={secret}/x.txt", "seed=0,1")
    (plan,) = prepared("-m", *shape, text, "seed=0,1")
    assert [planned.id for planned in plan.runs] == [planned.id for planned in plain.runs]
    Worker(Plan.load(plan.save()), WorkOptions(1, 1), StopRequest()).work()
    prepared(*shape, text)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != secret]
    assert sum(path.name == "record.json" for path in written) == 3
    assert not [path for path in written if b"hunter2" in path.read_bytes()]
    config = json.loads((plan.study / plan.runs[0].id / "config.json").read_text())
    assert config["task"]["text"] == "${oc.env:DATA}/x.txt"

    (search,) = prepared("-m", *shape, text, "optimizer.lr=1e-3,1e-2", "hydra.sweeper.search=random")
    assert b"hunter2" not in search.save().read_bytes()
    monkeypatch.delenv("DATA")
    assert run.saved(plan.study / plan.runs[0].id)[0].id == plan.runs[0].id  # a trained model needs its data no more
    elsewhere = Plan(tmp_path / "elsewhere", plan.runs)
    Worker(elsewhere, WorkOptions(1, 1), StopRequest()).work()
    errors = [record.error or "" for record in elsewhere.records().values()]
    assert len(errors) == 2
    assert all("the environment variable `DATA` is not set" in error for error in errors)


def test_numbers_and_chains_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZE", "12")
    config = {"a": {"x": "${oc.decode:${oc.env:SIZE}}", "y": "${a.x}", "z": r"\${a.x}", "n": [1, "${a.x}"]}, "b": 1}
    values, texts = resolved(config)
    assert values == {"a": {"x": 12, "y": 12, "z": "${a.x}", "n": [1, 12]}, "b": 1}
    assert set(texts) == {("a", "x"), ("a", "y"), ("a", "z"), ("a", "n", 1)}
    assert hidden("it is 12, not 120", {"text": "${oc.env:SIZE}"}) == "it is 12, not 120"  # too short to be a secret
    monkeypatch.setenv("SIZE", "/home/me")
    assert hidden("there is no /home/me/x", {"text": "${oc.env:SIZE}/x"}) == "there is no ${oc.env:SIZE}/x"


# Conditions -----------------------------------------------------------------------------------------------------

BASE = {"cell": {"num_layers": 1, "dropout": 0.0, "sizes": [4, 8]}, "train": {"clip": None}, "choices": {"cell": "gru"}}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("cell.num_layers == 1 and cell.dropout > 0", False),
        ("cell.num_layers == 1 and not cell.dropout", True),
        ("train.clip == null", True),
        ("train.clip is None or train.clip > 1", True),
        ("cell['num_layers'] * 2 + 1 == 3", True),
        ("cell.sizes[0] < cell.sizes[-1] <= 8", True),
        ("cell == 'gru' and 'gru' == cell", True),
        ("cell != 'gru' or 'gru' != cell", False),
        ("cell == 'lstm'", False),
        ("cell in ['gru', 'lstm'] and cell not in ['lstm']", True),
        ("choices.cell in ['gru', 'lstm']", True),
        ("choices.cell not in ('gru', 'lstm')", False),
        ("2 ** 3 == 8 and 7 // 2 == 3 and 7 % 4 == 3 and -1 < 1 / 3", True),
        ("true", True),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    assert Skip([condition])(BASE) is holds


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("cell.update({'num_layers': 99})", "a call is not allowed"),
        ("__import__('os').system('true')", "a call is not allowed"),
        ("cell.update", "there is no `update`"),
        ("cell.__class__", "there is no `__class__`"),
        ("cell.num_layer > 1", "there is no `num_layer`. Did you mean `num_layers`?"),
        ("layers > 1", "there is no `layers`"),
        ("1 / 0", "division by zero"),
        ("cell.sizes[7]", r"there is no \[7\] in a list of 2"),
        ("9 ** 9 ** 9", "too large"),
        ("'a' * 10 ** 9", "arithmetic needs two numbers"),
        ("train.clip > 1", "not supported between"),
        ("[x for x in cell.sizes]", "is not allowed"),
        ("cell.num_layers = 3", "cannot decide"),
        ("cell.", "cannot decide"),
        ("", "cannot decide"),
        ("not " * 100000 + "x", "too long or nested too deeply"),
        ("1+" * 100000 + "1", "too long or nested too deeply"),
        ("(" * 300 + "1" + ")" * 300, "nested"),
    ],
)
def test_a_condition_that_cannot_be_decided_is_refused(condition: str, said: str) -> None:
    before = json.dumps(BASE)
    with pytest.raises(ConfigError, match=said) as raised:
        Skip([condition])(BASE)
    assert raised.value.keys == ("hydra.sweeper.skip",)
    assert len(str(raised.value)) < 400
    assert json.dumps(BASE) == before


def test_a_worker_refuses_a_config_that_is_not_the_planned_one(composed: Compose, tmp_path: Path) -> None:
    planned = run.identify(composed(*SMALL, "train.steps=2"))
    other = planned.config | {"seed": 9}
    plan = Plan(tmp_path, [Planned(planned.id, planned.signature, other, [])])
    Worker(plan, WorkOptions(1, 1), StopRequest()).work()
    record = plan.records()[planned.id]
    assert record.status == "failed"
    assert "is not the run that was planned" in str(record.error)
    assert not (tmp_path / planned.id / "metrics.jsonl").exists()


def test_a_worker_refuses_a_search_whose_data_are_others(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("here", "to be or not to be "), ("there", "that is the question ")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(text * 200)
    monkeypatch.setenv("DATA", str(tmp_path / "here"))
    shape = ("task.text=${oc.env:DATA}/x.txt", "task.seq_len=16", "train.batch_size=4", "train.steps=2")
    (search,) = prepared("-m", *shape, "optimizer.lr=1e-3,1e-2", "hydra.sweeper.search=random")
    search.check()
    monkeypatch.setenv("DATA", str(tmp_path / "there"))
    with pytest.raises(ConfigError, match="is not the run that was planned"):
        SearchWorker(search, WorkOptions(1, 1), StopRequest()).work()


def test_out_is_told_to_have_no_effect_in_a_sweep(prepared: Prepared, capsys: pytest.CaptureFixture[str]) -> None:
    TOLD.clear()
    (plan,) = prepared("-m", "task=parity", "out=elsewhere", "seed=0,1")
    assert plan.study == Path("multirun/default")
    assert "`out` is for a single run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hydra.sweeper.seeds=[0,1,2]",), "hydra.sweeper.seeds=[0, 1, 2] does nothing in this sweep"),
        (("hydra.sweeper.n_trials=50",), "hydra.sweeper.n_trials=50 does nothing"),
        (("hydra.sweeper.pruner=asha",), "hydra.sweeper.pruner=asha does nothing"),
        (("hydra.sweeper.metrics=val/accuracy",), "hydra.sweeper.metrics=val/accuracy does nothing"),
        (("hydra.sweeper.tune_trials=4",), "hydra.sweeper.tune_trials=4 does nothing"),
        (("hydra.sweeper.tune_trials=4", "hydra.sweeper.search=random"), "hydra.sweeper.tune_trials=4 does nothing"),
        (("hydra.sweeper.draws=2",), "hydra.sweeper.draws=2 draws nothing: the grid is run whole"),
    ],
)
def test_settings_of_a_sweep_that_nothing_reads_are_told(
    words: tuple[str, ...], said: str, prepared: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    TOLD.clear()
    prepared("-m", "task=parity", "optimizer.lr=1e-3,1e-2,3e-3", *words)
    assert said in capsys.readouterr().err


def test_settings_of_a_sweep_that_something_reads_are_not_told(
    prepared: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    TOLD.clear()
    searched = ("hydra.sweeper.search=random", "hydra.sweeper.seeds=[0,1]", "hydra.sweeper.n_trials=3")
    prepared("-m", "task=parity", "optimizer.lr=1e-3,1e-2", *searched, "hydra.sweeper.pruner=median")
    prepared("-m", "task=parity", "optimizer.lr=interval(0.1,0.2)", "hydra.sweeper.draws=2")
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cell=gru", "cell=lstm"], ["`cell=gru` does nothing beside `cell=lstm`: the last word for a key counts"]),
        (["seed=1", "+seed=2", "seed=1"], ["`+seed=2` does nothing beside `seed=1`: the last word for a key counts"]),
        (["seed=1", "seed=1", "cell=lstm", "cell.hidden_size=8", "--cfg=job", "--cfg=all"], []),
    ],
)
def test_of_several_words_for_a_key_the_last_counts_and_is_told(
    words: list[str], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    TOLD.clear()
    tell_repeated(words)
    assert capsys.readouterr().err.splitlines() == [f"rnnsweep: {line}" for line in said]


def test_a_repeated_word_is_told_by_the_command_and_from_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    TOLD.clear()
    monkeypatch.chdir(tmp_path)
    words = ["seed=0,1", *SMALL, "train.steps=2", "seed=5"]
    monkeypatch.setattr(sys, "argv", ["rnnsweep", "-m", *words, "hydra.sweeper.plan=true"])
    cli.main()
    captured = capsys.readouterr()
    assert "`seed=0,1` does nothing beside `seed=5`" in captured.err
    train("seed=3", *SMALL, "train.steps=2", "seed=5")
    assert "`seed=3` does nothing beside `seed=5`" in capsys.readouterr().err


def test_settings_of_a_sweep_are_told_to_a_single_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    TOLD.clear()
    monkeypatch.chdir(tmp_path)
    unread = ["hydra.sweeper.search=tpe", "hydra.sweep.dir=mine", "hydra/launcher=basic"]
    monkeypatch.setattr(sys, "argv", ["rnnsweep", *SMALL, "train.steps=2", *unread])
    cli.main()
    told = "`hydra.sweeper.search=tpe`, `hydra.sweep.dir=mine`, `hydra/launcher=basic`: a single run does not read this"
    assert told in capsys.readouterr().err
    TOLD.clear()
    train(*SMALL, "train.steps=2", *unread)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task=parity"], "`--task=parity`: there is no such option; a setting has no dashes: `task=parity`; "),
        (["task=parity", "--verbose"], "`--verbose`: there is no such option; a setting is written KEY=VALUE; "),
        (["--cfg", "jb"], "`--cfg/-c`: invalid choice: 'jb' (choose from 'job', 'hydra', 'all'); "),
        (["--cfg"], "`--cfg/-c`: expected one argument; "),
        (["--config-name", "mine"], "`--config-name`: there is no config `mine`; `--config-dir DIR` adds"),
        (["--config-path", "mine"], "`--config-path`: no config; `--config-dir DIR` adds"),
    ],
)
def test_a_wrong_option_is_one_line(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["rnnsweep", *words])
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.main()
    told = capsys.readouterr().err
    assert told.startswith(f"rnnsweep: {said}")
    assert told.count("\n") == 1


def test_the_version_is_that_of_rnnsweep(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["rnnsweep", "--version"])
    cli.main()
    assert capsys.readouterr().out.startswith(f"rnnsweep {rnnsweep.__version__}, torch 2.")


@pytest.mark.parametrize(
    ("words", "instead"),
    [(["hydra.run.dir=mine"], "`out=DIR`"), (["-m", "hydra.sweep.subdir=mine"], "`hydra.sweep.dir=DIR`")],
)
def test_what_hydra_would_read_and_rnnsweep_does_not_is_refused(
    words: list[str], instead: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rnnsweep", *SMALL, "train.steps=2", *words])
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.main()
    assert f"`{words[-1]}`: rnnsweep does not read this; {instead}" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=f"{instead}"):
        train(*SMALL, "train.steps=2", words[-1])
    assert not [*tmp_path.iterdir()]


# Globs ----------------------------------------------------------------------------------------------------------


def test_a_glob_names_the_members_of_a_group(prepared: Prepared, tmp_path: Path) -> None:
    content = "# @package _global_\nhydra: {sweeper: {name: mine, params: {task: parity, cell: glob(lstm_no_*gate)}}}\n"
    study(tmp_path, "mine", content)
    wanted = {"lstm_no_forget_gate", "lstm_no_input_gate", "lstm_no_output_gate"}
    (plan,) = prepared("-m", "task=parity", "cell=glob(lstm_no_*gate)")
    assert {planned.config["choices"]["cell"] for planned in plan.runs} == wanted
    (plan,) = prepared("--config-dir", "conf", "+study=mine")
    assert {planned.config["choices"]["cell"] for planned in plan.runs} == wanted
    (search,) = prepared("-m", "task=parity", "cell=glob(lstm_no_*gate)", "hydra.sweeper.search=random")
    assert set(search.groups["cell"]) == wanted


@pytest.mark.parametrize("search", [(), ("hydra.sweeper.search=random",)])
def test_a_glob_that_finds_nothing_is_refused(search: tuple[str, ...], refused: Told) -> None:
    assert refused("-m", "cell=glob(lstmm*)", *search).startswith("`cell=glob(lstmm*)`: finds no cell; there are conv,")


def test_params_can_be_typed(prepared: Prepared, refused: Told) -> None:
    """As in a study's YAML."""
    (plan,) = prepared("-m", *SMALL, "hydra.sweeper.params={cell: 'gru,lstm', optimizer.lr: 0.5}")
    found = [(each.config["choices"]["cell"], each.config["optimizer"]["lr"]) for each in plan.runs]
    assert found == [("gru", 0.5), ("lstm", 0.5)]
    (plan,) = prepared("-m", *SMALL, "size=small", "hydra.sweeper.small={seed: 'range(3)'}")
    assert [each.config["seed"] for each in plan.runs] == [0, 1, 2]
    assert "there is no cell `lstmm`" in refused("-m", *SMALL, "hydra.sweeper.params={cell: 'gru,lstmm'}")


# Studies --------------------------------------------------------------------------------------------------------


def test_several_studies_are_swept_each_under_its_own_name(prepared: Prepared, tmp_path: Path) -> None:
    for name, params in (("one", "{seed: '0,1'}"), ("two", "{seed: '5'}")):
        study(tmp_path, name, f"# @package _global_\nhydra: {{sweeper: {{name: {name}s, params: {params}}}}}\n")
    study(tmp_path, "both", "# @package _global_\nhydra: {sweeper: {name: all, studies: {one: null, two: null}}}\n")
    own = ("--config-dir", "conf", "task=parity")
    plans = prepared(*own, "+study=one,two", "cell=rnn,gru")
    assert [plan.study for plan in plans] == [Path("multirun/ones"), Path("multirun/twos")]
    assert [[run.config["seed"] for run in plan.runs] for plan in plans] == [[0, 0, 1, 1], [5, 5]]
    assert [plan.study.name for plan in prepared(*own, "study=glob(*o)")] == ["twos"]
    named = prepared(*own, "+study=one,two", "hydra.sweeper.name=mine")
    assert [plan.study for plan in named] == [Path("multirun/mine/ones"), Path("multirun/mine/twos")]
    nested = prepared(*own, "+study=both,one")
    assert [plan.study for plan in nested] == [Path(f"multirun/{name}") for name in ("all/one", "all/two", "ones")]


# Names ----------------------------------------------------------------------------------------------------------

WRONG_NAMES = ("../../x", "", "null", ".", "..", "a/../b", "/tmp/x", ".hidden", "a//b", "x" * 300, "true", "[a]")


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_a_name_that_no_directory_can_have_is_refused(name: str, refused: Told) -> None:
    assert refused("-m", "seed=0,1", f"hydra.sweeper.name={name}").startswith(f"`hydra.sweeper.name={name}`: ")


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "é" * 200])
def test_such_a_name_in_a_file_is_refused(name: str) -> None:
    for wrong in (name_below, directory):
        with pytest.raises(ConfigError, match=r"hydra\.sweeper\.name: "):
            wrong("hydra.sweeper.name", name)


@pytest.mark.parametrize("name", ["mine", "a b", "a/b", "2024", "a..b", "ä", "a=b"])
def test_other_names_are_not(name: str) -> None:
    assert name_below("hydra.sweeper.name", name) == name


@pytest.mark.parametrize("out", ["", "null", "3", "x" * 300])
def test_a_directory_that_cannot_be_is_refused(out: str, refused: Told) -> None:
    assert refused("task=parity", f"out={out}").startswith(f"`out={out}`: ")
    if out != "3":
        assert refused("-m", "seed=0", f"hydra.sweep.dir={out}").startswith(f"`hydra.sweep.dir={out}`: ")


# What a plan can know -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("seed=range(200)",), ("optimizer.lr=1e-3,1e-2", "hydra.sweeper.search=random")])
def test_an_error_of_the_data_is_told_by_the_plan(words: tuple[str, ...], refused: Told) -> None:
    line = refused("-m", "task=parity", "task.seq_len=8", *words)
    assert line.startswith("`task.seq_len=8`: there are only 256 different sequences")
    assert "skip" not in line


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("task=parity task.seq_len=8", "lower `task.examples` or raise `task.seq_len`"),
        ("task=addition task.digits=1", "lower `task.examples` or `task.held_out`, or raise `task.digits`"),
        ("task=arithmetic task.digits=1", "lower `task.examples` or `task.held_out`, or raise `task.digits`"),
        ("task=names_gen task.max_len=2", "lower `task.examples` or raise `task.max_len`"),
        ("task=selective_copy task.remembered=2 task.seq_len=4", "lower `task.examples` or raise `task.seq_len`"),
        ("task=selective_copy task.seq_len=3", "lower `task.remembered` or raise `task.seq_len`"),
        ("task=dates task.held_out=99999", "lower `task.examples` or `task.held_out`"),
        ("task=parity task.min_len=4 task.seq_len=3", "lower `task.min_len` or raise `task.seq_len`"),
        ("task=reverse task.min_len=3 task.seq_len=2", "lower `task.min_len` or raise `task.seq_len`"),
    ],
)
def test_too_small_a_space_names_what_to_lower(words: str, advice: str, refused: Told) -> None:
    assert refused(*words.split()).endswith(advice)


def test_each_shape_is_checked_and_skip_is_the_way_out(refused: Told, prepared: Prepared) -> None:
    grid = ("-m", "task=parity", "train.batch_size=16,100000", "seed=0,1")
    assert "(in parity-gru-s0-" in (line := refused(*grid))
    assert "hydra.sweeper.skip leaves such runs out" in line
    (plan,) = prepared(*grid, "hydra.sweeper.skip='train.batch_size > 1000'")
    assert len(plan.runs) == 2


@pytest.mark.parametrize(
    "tuned", [(), ("hydra.sweeper.compare=cell", "hydra.sweeper.tune={optimizer.lr: '1e-3,1e-2'}")]
)
def test_a_condition_that_leaves_out_no_run_is_told(
    tuned: tuple[str, ...], prepared: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    TOLD.clear()
    conditions = """hydra.sweeper.skip=['cell == "lstm"', 'cell == "lstmm"', 'cell.num_layers == "1"']"""
    (plan,) = prepared("-m", *SMALL, "cell=rnn,gru,lstm", conditions, *tuned)
    said = capsys.readouterr().err.splitlines()
    told = [line.partition("skip: ")[2] for line in said if "hydra.sweeper.skip" in line]
    idle = ('cell == "lstmm"', 'cell.num_layers == "1"')
    assert told == [f"`{text}` leaves out no run of this sweep" for text in idle]
    if not tuned:
        assert [planned.config["choices"]["cell"] for planned in plan.runs] == ["rnn", "gru"]


def test_an_error_of_the_code_is_not_told_by_the_plan(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    monkeypatch.setattr(precheck, "make_model", lambda config, *_: (built.append(config["choices"]["cell"]), 1 / 0))
    (plan,) = prepared("-m", *SMALL, "cell=gru,rnn", "seed=range(5)", "optimizer.lr=1e-3,1e-2")
    assert len(plan.runs) == 20
    assert built == ["gru", "rnn"]  # once for each shape
    monkeypatch.setattr(precheck, "SECONDS", -1.0)  # no time is left: the workers will tell
    (plan,) = prepared("-m", "task=parity", "task.seq_len=8", "seed=0,1")
    assert len(plan.runs) == 2


@pytest.mark.parametrize("cell", ["gru", "transformer", "lstm_layernorm"])
def test_a_model_without_numbers_has_the_shapes(cell: str, composed: Compose) -> None:
    for pooling in ("last", "attention"):
        of = run.prepare(composed("task=adding", "cell.hidden_size=8", f"cell={cell}", f"pooling={pooling}"))
        whole = run.make_model(of.config, of.classes, of.task)
        with without_numbers():
            outline = run.make_model(of.config, of.classes, of.task)
        assert all(p.is_meta for p in outline.parameters())
        assert {name: p.shape for name, p in outline.named_parameters()} == {
            name: p.shape for name, p in whole.named_parameters()
        }


def test_shapes_need_no_sympy() -> None:
    """It would be half a second of the start of each sweep."""
    code = (
        "import sys, torch\n"
        "from rnnsweep.run.outline import without_numbers\n"
        "with without_numbers():\n"
        "    torch.nn.Embedding(5, 3), torch.randn(3, 4), torch.nn.init.orthogonal_(torch.empty(4, 4))\n"
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_here_is_told_by_the_plan(refused: Told) -> None:
    assert refused("-m", *SMALL, "train.device=cuda", "seed=0,1").startswith("`train.device=cuda`: torch finds no CUDA")
