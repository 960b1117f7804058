"""What a user can type wrongly is refused in one line that names it; what goes wrong later is no refusal."""

import dataclasses
import random
import sys
from pathlib import Path

import pytest
from conftest import Prepared, Told, study
from hydra.core.global_hydra import GlobalHydra

from rnnsweep import cli
from rnnsweep.errors import TOLD
from rnnsweep.sweep.executor import Executor
from rnnsweep.sweep.settings import Sweep
from rnnsweep.sweep.sweeper import StudySweeper

TYPED = [
    (("-m", "hydra.sweeper.nmae=x"), "`hydra.sweeper.nmae=x`: there is no such setting. Did you mean `name`?"),
    (("-m", "hydra.sweeper.name=a,b"), "`hydra.sweeper.name=a,b`: a setting of Hydra takes one value"),
    (("-m", "hydra.sweeper.n_trials=x"), "`hydra.sweeper.n_trials=x`: expected an integer, got 'x'"),
    (
        ("-m", "hydra.sweeper.tune=[optimizer.lr]"),
        "`hydra.sweeper.tune=[optimizer.lr]`: expected keys with ranges, as in {optimizer.lr: ",
    ),
    (("-m", "+hydra.sweeper.foo=1"), "`+hydra.sweeper.foo=1`: Sweep has no parameter `foo`"),
    (("-m", "hydra/launcher=nope"), "`hydra/launcher=nope`: there is no hydra/launcher `nope`. It has: basic,"),
    (
        ("-m", "hydra.sweeper.name=${oc.env:NOPE}"),
        "`hydra.sweeper.name=${oc.env:NOPE}`: the environment variable `NOPE` is not set",
    ),
    (
        ("-m", "hydra.sweeper.metrics=[${nope}]"),
        "`hydra.sweeper.metrics=[${nope}]`: Interpolation key 'nope' not found",
    ),
    (("-m", "hydra.sweep.dir=", "seed=0,1"), "`hydra.sweep.dir=`: expected a directory"),
    (("-m", "hydra/sweeper=basic", "seed=0"), "`hydra/launcher`: local starts the workers of hydra/sweeper=study"),
    (("-m", "cell.hidden_size=4", "cell=gruu,rnn"), "`cell=gruu,rnn`: there is no cell `gruu`. Did you mean `gru`?"),
    (("-m", "task=[paritty]"), "`task=[paritty]`: a group takes the name of one of its choices"),
    (("-m", "sede=1,2"), "`sede=1,2`: there is no setting or group `sede`. Did you mean `seed`?"),
    (("-m", "+foo=1,2"), "`+foo=1,2`: there is no setting or group `foo`."),
    (("-m", "cell=gru,"), "`cell=gru,`: cannot be read as KEY=VALUE (mismatched input '<EOF>')"),
    (("-m", "cell={a: 1}"), "`cell={a: 1}`, `cell.a`: GRU has no parameter `a`."),
    (("-m", "seed=range(0)"), "`seed=range(0)`: gives no value"),
    (("-m", "hydra.sweeper.search=random", "optimizer.lr=1,2", "seed=a,b"), "`seed=a,b`: expected integers, got 'a'"),
    (
        ("cell.hidden_size=8", "cell.hidden_size=${task.nope}"),
        "`cell.hidden_size=${task.nope}`: there is no setting `task.nope`",
    ),
    (("seed=range(3)",), "`seed=range(3)`: several values are a sweep; add -m"),
    (("cell=glob(*)",), "`cell=glob(*)`: several values are a sweep; add -m"),
    (("cell=null",), "`cell=null`: a group takes the name of one of its choices"),
    (("cell=[1]",), "`cell=[1]`: a group takes the name of one of its choices"),
    (("cell=[gru]",), "`cell=[gru]`: a run is named by its cell; choose one"),
    (("~cell",), "`~cell`: a run needs one cell"),
    (("+seed=3",), "`+seed=3`: is set already; leave out the +"),
    (("study=capacty",), "`study=capacty`: there is no study `capacty`. Did you mean `capacity`?"),
]


@pytest.mark.parametrize(("words", "said"), TYPED)
def test_a_mistake_is_named_as_it_was_typed(words: tuple[str, ...], said: str, refused: Told) -> None:
    assert refused(*words).startswith(said)


def test_a_number_from_the_environment(refused: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXTEEN", "16")
    said = "expected an integer, got '16', a text, as all environment variables are; for a number type"
    typed = "'cell.hidden_size=\"${oc.decode:${oc.env:SIXTEEN}}\"'"
    assert refused("cell.hidden_size=${oc.env:SIXTEEN}") == f"`cell.hidden_size=${{oc.env:SIXTEEN}}`: {said} {typed}"


HEAD = "# @package _global_\n"
IN_FILES = [
    ("hydra: {sweeper: {params: {seed: '0,1'}}}", "study/s.yaml lacks the first line `# @package _global_`"),
    ("", "study/s.yaml lacks the first line `# @package _global_`"),
    (HEAD + "hydra: {sweeper: {prams: {seed: '0,1'}}}", "Sweep has no parameter `prams`. Did you mean `params`?"),
    (HEAD + "hydra: {sweeper: {params: {sede: '0,1'}}}", "there is no setting or group `sede`. Did you mean `seed`?"),
    (HEAD + "hydra: {sweeper: {params: {cell: gruu}}}", "there is no cell `gruu`. Did you mean `gru`?"),
    (HEAD + "hydra: {sweeper: {paired: [seed]}}", "`hydra.sweeper.paired`: expected a dictionary, got 'seed'"),
    (HEAD + "hydra: {sweeper: {skip: 3}}", "`hydra.sweeper.skip`: expected a string or a list, got 3"),
    (HEAD + "hydra: {sweeper: {name: '../x'}}", "`hydra.sweeper.name`: `../x` has a part that"),
    (HEAD + 'hydra: {sweeper: {name: "a\\0b"}}', "holds a control character"),
    (HEAD + "hydra: {sweeper: {studies: {capacty: null}}}", "there is no study `capacty`. Did you mean `capacity`?"),
    (HEAD + "train: {stepz: 3}", "`train.stepz`: train has no setting `stepz`. Did you mean `steps`?"),
    (HEAD + "defaults: [cell: gru]", "write `- override /cell: gru`"),
]


@pytest.mark.parametrize(("content", "said"), IN_FILES)
def test_a_mistake_in_a_study_is_named_with_the_study(content: str, said: str, refused: Told, tmp_path: Path) -> None:
    study(tmp_path, "s", content)
    line = refused("--config-dir", "conf", "+study=s")
    assert line.startswith("`+study=s`")
    assert said in line


def test_a_study_that_is_no_yaml_is_named_with_its_line(refused: Told, tmp_path: Path) -> None:
    study(tmp_path, "s", HEAD + "hydra: {sweeper: {params: {cell: gru,\n x\n")
    assert refused("--config-dir", "conf", "+study=s").startswith("conf/study/s.yaml, line ")
    study(tmp_path, "s", HEAD)
    (tmp_path / "conf" / "study" / "s.yaml").write_bytes(HEAD.encode() + "train: {steps: é}".encode("latin-1"))
    assert refused("--config-dir", "conf", "+study=s").startswith("conf/study/s.yaml is not UTF-8")


@pytest.mark.parametrize("error", [ValueError("inner"), KeyError("inner")])
def test_an_error_of_the_work_is_no_refusal(
    error: Exception, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> bool:
        raise error

    monkeypatch.setattr(Executor, "_work", breaks)
    with pytest.raises(type(error), match="inner"):
        prepared("-m", "task=parity", "seed=0,1")
    monkeypatch.setattr(cli, "to_minimise", breaks)
    with pytest.raises(type(error), match="inner"):
        prepared("task=parity", "task.examples=40", "task.held_out=10", "train.batch_size=10", "train.steps=1")


@pytest.mark.parametrize("words", [("-m", "cell=gru,rnn"), ("+study=capacity",), ("-m", "hydra.sweeper.search=random")])
def test_a_file_that_a_shipped_one_hides_is_told_in_one_line(
    words: tuple[str, ...], prepared: Prepared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path, "capacity", HEAD + "hydra: {sweeper: {name: mine, params: {seed: '0,1'}}}")
    (tmp_path / "conf" / "cell").mkdir()
    (tmp_path / "conf" / "cell" / "rnn.yaml").write_bytes((cli.CONF / "cell" / "rnn.yaml").read_bytes())  # the same
    (tmp_path / "conf" / "cell" / "own.yaml").write_text("_target_: rnnsweep.cells.gru.GRU\n")
    searched = ("optimizer.lr=1e-3,1e-2", "size=small", "task=parity", "cell.hidden_size=4")
    for place in (("--config-dir", "conf"), (f"hydra.searchpath=[file://{tmp_path}/conf]",)):
        TOLD.clear()
        prepared(*place, *words, *searched)
        (line,) = capsys.readouterr().err.splitlines()
        assert line == (
            "rnnsweep: `conf/study/capacity.yaml` is not read: a shipped file of this name hides it; "
            "rename yours, for example to `my_capacity.yaml`, and choose `+study=my_capacity`"
        )
    (tmp_path / "conf" / "cell" / "gru.yaml").write_text("_target_: rnnsweep.cells.gru.GRU\nhidden_size: 24\n")
    TOLD.clear()
    prepared(*("--config-dir", "conf"), *words, *searched)
    (line,) = capsys.readouterr().err.splitlines()
    assert "`conf/cell/gru.yaml`, `conf/study/capacity.yaml` are not read" in line
    assert sys.argv[1] == "--config-dir"


KEYS = (
    *(
        "cell",
        "task",
        "optimizer",
        "train",
        "seed",
        "cell.hidden_size",
        "optimizer.lr",
        "train.clip",
        "packages",
        "rerun",
    ),
    *("hydra/launcher", "hydra.launcher.gpus", "hydra.sweep.dir", "hydra.searchpath", "hydra.mode", "choices", "study"),
    *(f"hydra.sweeper.{field.name}" for field in dataclasses.fields(Sweep)),
    *(
        "rerun",
        "hydra",
        "hydra.sweeper",
        "out",
        "size",
        "cell._target_",
        "task.text",
        "a.b",
        "",
        "cell.hidden_size.y",
        "cell/x",
    ),
)
VALUES = (
    *(
        "gru",
        "parity",
        "3",
        "-1",
        "null",
        "true",
        "[]",
        "{}",
        "[1,2]",
        "{a: 1}",
        "1,2",
        "gru,rnn",
        "range(3)",
        "",
        "'x'",
    ),
    *("interval(0,1)", "tag(log,interval(1e-4,1))", "glob(*)", "choice(a,b)", "shuffle(1,2)", "sort(3,2)", "int(3.5)"),
    *("${seed}", "${nope}", "${task}", "${oc.env:NOPE}", "${", "1e400", "nan", "../x", "a b", "=", "capacity", "[[1]]"),
    *(
        "'x'",
        "{seed: [0,1]}",
        "[{seed: [0]}]",
        "\\",
        "é",
        "x" * 300,
        "1/0",
        "random",
        "os.system",
        "rnnsweep.cells.gru.GRU",
    ),
)
SMALL = ("task=parity", "task.examples=40", "task.held_out=10", "train.batch_size=10", "train.device=cpu")


@pytest.mark.slow
@pytest.mark.parametrize("mode", [(), ("-m",), ("-m", "hydra.sweeper.search=random")])
def test_no_words_give_a_traceback(
    mode: tuple[str, ...], prepared: Prepared, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_run", lambda *_: 0.0)
    monkeypatch.setattr(StudySweeper, "_tell", lambda *_: None)
    monkeypatch.setattr(StudySweeper, "_write_report", lambda *_: True)
    chosen = random.Random(len(mode))
    for _ in range(200):
        words = [
            f"{chosen.choice(('', '', '+', '++', '~'))}{chosen.choice(KEYS)}={chosen.choice(VALUES)}"
            for _ in range(chosen.choice((1, 1, 2, 3)))
        ]
        code: object = 0
        try:
            prepared(*mode, *SMALL, *words)
        except SystemExit as end:
            code = end.code
        except Exception as error:
            raise AssertionError(words) from error
        finally:
            GlobalHydra.instance().clear()
        said = capsys.readouterr().err.splitlines()
        assert code == 0 or (code == 2 and said[-1].startswith("rnnsweep: ")), words
