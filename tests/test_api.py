"""`import rnnsweep`: the runs, refusals and records of the command line, and trained models that are used."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT, Compose, choices

import rnnsweep
from rnnsweep import errors
from rnnsweep.api import onnx
from rnnsweep.api.compose import composed
from rnnsweep.api.modules import of
from rnnsweep.api.overrides import words
from rnnsweep.config import target
from rnnsweep.errors import ConfigError
from rnnsweep.run import make_model, settings, validated

SMALL = ("task=parity", "task.examples=400", "task.held_out=50", "cell.hidden_size=8", "train.batch_size=16")
QUICK = (*SMALL, "train.steps=20", "train.kernel=library", "train.progress=false")


@pytest.fixture(name="resolved")
def _resolved(request: pytest.FixtureRequest) -> Compose:
    """The `composed` of conftest.py, whose name the function of the library has here."""
    return request.getfixturevalue("composed")  # type: ignore[no-any-return]


def python(code: str, folder: Path) -> str:
    """What a program prints, started in a folder."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_starts_nothing(tmp_path: Path) -> None:
    code = "import sys, rnnsweep; print({'torch', 'pandas', 'hydra', 'numpy'} & {*sys.modules}, dir(rnnsweep)[-3:])"
    assert python(code, tmp_path).startswith("set()")
    assert {"train", "sweep", "load", "results"} <= {*dir(rnnsweep)}
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        rnnsweep.trian  # type: ignore[attr-defined]  # noqa: B018


def test_the_folders_of_the_package_leave_the_functions_in_place() -> None:
    import rnnsweep.sweep.plan
    import rnnsweep.train.loop
    from rnnsweep.train import TrainConfig

    assert callable(rnnsweep.train)
    assert callable(rnnsweep.sweep)
    assert TrainConfig.__module__ == "rnnsweep.train.config"


def test_a_run_its_files_and_the_same_call_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = []
    run = rnnsweep.train(*QUICK, f"out={tmp_path}", callbacks=[rows.append])
    assert run.status == "complete"
    assert run.path.parent == tmp_path
    assert {"train", "val", "test"} == {row["split"] for row in rows} == set(run.curves()["split"])
    assert run.curves("val", "loss")["value"].tolist() == [row["loss"] for row in rows if row["split"] == "val"]
    assert (run.path / "curves.png").exists()
    trained = run.load()
    assert sum(weight.numel() for weight in trained.model.parameters()) == run.record.parameters
    assert capsys.readouterr().out == ""
    again = rnnsweep.train(*QUICK, f"out={tmp_path}")
    assert again.record == run.record
    assert "is finished" in capsys.readouterr().out


def test_an_error_of_a_callback_stops_the_run_and_the_same_call_continues_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def callback(row: dict[str, Any]) -> None:
        if row["split"] == "val" and row["step"] == 10:
            raise ZeroDivisionError

    quick = (*QUICK, "train.eval_every=5", f"out={tmp_path}")
    with pytest.raises(ZeroDivisionError):
        rnnsweep.train(quick, callbacks=[callback])
    (path,) = tmp_path.iterdir()
    assert not (path / "record.json").exists()
    errors.TOLD.clear()
    rnnsweep.load(path)
    assert f"{path}: the run is not over; these are its best weights so far" in capsys.readouterr().err
    assert rnnsweep.train(quick).status == "complete"


def test_dictionaries_say_what_the_words_say() -> None:
    settings = {"task": "parity", "cell": {"hidden_size": 8}, "train.clip": None, "task.test_lengths": [40, 80]}
    typed = composed("task=parity", "cell.hidden_size=8", "train.clip=null", "task.test_lengths=[40,80]")
    assert composed(settings).id == composed("task=parity", settings).id == typed.id
    assert composed({"seed": np.int64(3), "optimizer.lr": "${seed}"}).config["optimizer"]["lr"] == 3.0
    assert words([{"cell": ["gru", "lstm"], "seed": range(2)}], sweeps=True) == ['cell="gru","lstm"', "seed=0,1"]
    with pytest.raises(ConfigError, match=r"^cell: got object; expected a number, a text"):
        composed({"cell": object()})


@pytest.mark.parametrize("text", ['a "b"', "a\\", "имя", "a,b", "{x}", "null", "1", " a=b ", 'a\\"'])
def test_any_text_is_a_value(text: str) -> None:
    assert composed({"out": text}).config["out"] == text


def test_inside_another_program_of_hydra(tmp_path: Path) -> None:
    code = f"""
import hydra, sys
sys.argv = ["app"]

@hydra.main(version_base=None, config_path=None)
def app(config):
    import rnnsweep
    from hydra.core.global_hydra import GlobalHydra
    before = GlobalHydra.instance().hydra
    run = rnnsweep.train({[*QUICK]!r}, {{"out": {str(tmp_path / "runs")!r}}})
    print(run.status, GlobalHydra.instance().hydra is before)

app()
"""
    (tmp_path / "app.py").write_text(code)
    done = subprocess.run([sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "complete True", done.stderr


@pytest.mark.slow
def test_a_sweep_is_that_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    settings = {"cell": ["gru", "lstm"], "seed": range(2), "hydra.sweeper.name": "mine", "hydra.sweeper.workers": 1}
    runs = rnnsweep.sweep(QUICK, settings)
    assert sorted(zip(runs["cell"], runs["seed"], strict=True)) == [("gru", 0), ("gru", 1), ("lstm", 0), ("lstm", 1)]
    assert set(runs["status"]) == {"complete"}
    assert (tmp_path / "multirun" / "mine").is_dir()
    alone = rnnsweep.train(QUICK, {"cell": "lstm", "seed": 1})
    assert alone.metrics["test/loss"] == pytest.approx(runs.iloc[-1]["test/loss"], rel=1e-5)
    with pytest.raises(ConfigError, match=r"`cell.hiden_size=8`: GRU has no parameter `hiden_size`"):
        rnnsweep.sweep(QUICK, "cell.hiden_size=8", {"seed": [0, 1]})


# Trained models -------------------------------------------------------------------------------------------------------

FEW: dict[str, tuple[str, ...]] = {
    "adding": ("task.examples=40", "task.held_out=10"),
    "addition": ("task.examples=40", "task.held_out=10"),
    "arithmetic": ("task.examples=40", "task.held_out=10"),
    "copy": ("task.examples=40", "task.held_out=10"),
    "copy_memory": ("task.examples=40", "task.held_out=10", "task.seq_len=5"),
    "counting": ("task.examples=40", "task.held_out=10"),
    "dates": ("task.examples=40", "task.held_out=10"),
    "mqar": ("task.examples=40", "task.held_out=10"),
    "music": ("task.examples=10", "task.held_out=3"),
    "names_class": ("task.examples=90",),
    "names_gen": ("task.examples=90",),
    "parity": ("task.examples=40", "task.held_out=10"),
    "reverse": ("task.examples=40", "task.held_out=10"),
    "selective_copy": ("task.examples=40", "task.held_out=10"),
    "seqmean": ("task.examples=40", "task.held_out=10"),
    "seqmnist": ("task.examples=60",),
    "sentiment_class": ("task.examples=90",),
    "series_class": ("task.examples=40", "task.held_out=10"),
    "xml": ("task.examples=40", "task.held_out=10"),
}
"""Settings with which a task makes up little data."""


def made(task: str, *overrides: str) -> tuple[Any, torch.nn.Module]:
    """A task and an untrained model of it."""
    run = composed(f"task={task}", "cell.hidden_size=8", "train.batch_size=4", *FEW.get(task, ()), *overrides)
    return run.task, make_model(run.config, run.classes, run.task).eval()


@pytest.mark.parametrize("task", ["names_class", "sentiment_class"])
def test_new_texts_get_the_class_that_the_test_gives_them(task: str) -> None:
    learned, model = made(task)
    batch = next(learned.evaluation("test"))
    scores = model(batch["inputs"], batch["lengths"])
    expected = [learned.class_names[index] for index in scores.argmax(1).tolist()]
    assert learned.predict(model, learned.texts("test")[: len(expected)]) == expected


@pytest.mark.parametrize("task", ["adding", "seqmean", "counting", "parity", "arithmetic", "mqar", "series_class"])
def test_new_sequences_get_what_the_test_gives_them(task: str) -> None:
    """Their rows, cut to their lengths, give what the whole padded batch gives."""
    learned, model = made(task)
    batch = next(learned.evaluation("test"))
    rows = [row[:length].numpy() for row, length in zip(batch["inputs"], batch["lengths"], strict=True)]
    found = learned.predict(model, rows)
    assert len(found) == len(rows)
    assert np.allclose(*map(_numbers, (found[0], learned.predict(model, rows[:1])[0])), atol=1e-5)
    with torch.no_grad():
        metrics = learned.loss(model, batch, ())[1]
    if task in ("adding", "seqmean"):
        errors = np.square(np.array(found) - batch["targets"].numpy())
        assert errors.mean() == pytest.approx(float(metrics["loss"][0] / metrics["loss"][1]), rel=1e-4)
    elif task == "series_class":
        right = [name == learned.class_names[label] for name, label in zip(found, batch["labels"], strict=True)]
        assert sum(right) == int(metrics["accuracy"][0])


def _numbers(answer: Any) -> Any:
    return [float(ord(answer[0]))] if isinstance(answer, str) else answer


def test_a_forecast_is_in_the_units_of_the_file(tmp_path: Path) -> None:
    """A model that repeats a window's last row repeats it in the file's unit, far from 0."""
    values = 1e6 + np.sin(np.arange(400.0))[:, None] * [1, 3]
    lines = "".join(f"{left},{right}\n" for left, right in values)
    (tmp_path / "mine.csv").write_text(f"left,right\n{lines}")
    small = ("task.season=null", "task.seq_len=5", "task.horizon=2", f"task.path={tmp_path / 'mine.csv'}")
    task, _ = made("forecast", *small)

    class Last(torch.nn.Module):
        def forward(self, steps: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            return steps[:, -1:].repeat(1, 2, 1).flatten(1)

    (found,) = task.predict(Last(), [values[:5]])
    assert found.shape == (2, 2)
    assert np.abs(found - values[4]).max() < 1e-5
    again, _ = made("forecast", *small)
    again.adopt(task.assets())
    assert np.array_equal(again.predict(Last(), [values[:5]])[0], found)


def test_of_a_text_the_loss_is_told_that_torch_computes(text: Path) -> None:
    task, model = made("charlm", f"task.text={text}")
    (loss,) = task.predict(model, ["The cat sees"])
    tokens = task.vocab.encode("The cat sees").long()[None]
    scores = model(tokens[:, :-1])[0].flatten(0, 1)
    assert loss == pytest.approx(torch.nn.functional.cross_entropy(scores, tokens[0, 1:]).item(), rel=1e-5)
    with pytest.raises(ConfigError, match=r"the new data: example 1 has fewer than two characters"):
        task.predict(model, ["The", "T"])


@pytest.mark.parametrize(
    ("name", "known", "strange", "shown"),
    [
        ("charlm", "The cat", "The \N{CAT FACE}", "'\N{CAT FACE}'"),
        ("names_class", "Abel", "Ab\N{CAT FACE}l", "'\N{CAT FACE}'"),
        ("sentiment_class", "good film", "good zzz", "'zzz'"),
    ],
)
def test_what_the_model_does_not_know_of_a_text_is_told(
    name: str, known: str, strange: str, shown: str, text: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    task, model = made(name, *([f"task.text={text}"] if name == "charlm" else ["task.examples=200"]))
    task.predict(model, [known])
    assert "does not know" not in capfd.readouterr().err
    task.predict(model, [known, strange])
    assert f"the new data: example 1 holds {shown}, which the model does not know" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("task", "examples", "said"),
    [
        ("parity", [[0, 1], [0, 2]], r"example 1 is \[0, 2\]; expected a sequence of whole numbers from 0 to 1"),
        ("seqmean", [np.zeros((3, 5))], r"example 0 is an array of the shape \(3, 5\); expected numbers \(time, 1\)"),
        ("seqmean", [[1.0, np.nan]], "example 0 holds a number that is not finite"),
        ("sentiment_class", ["good", 3], "example 1 is 3; expected a text"),
        ("names_gen", ["a"], "task: names_gen writes names and answers nothing; use `generate`"),
        ("parity", ["0²"], "example 0 is '0²'; expected a sequence of whole numbers from 0 to 1"),
        ("parity", [], "expected a list of examples, got none"),
    ],
)
def test_what_is_no_example_is_refused(task: str, examples: list[Any], said: str) -> None:
    learned, model = made(task)
    with pytest.raises(ConfigError, match=said):
        learned.predict(model, examples)


def test_every_task_answers_new_data_or_says_why_not(resolved: Compose) -> None:
    """A law: what ships predicts."""
    from rnnsweep.tasks.base import AbstractTask
    from rnnsweep.tasks.classification import ClassificationTask

    for name in choices("task"):
        task = target(resolved(f"task={name}"), "task")
        assert issubclass(task, AbstractTask)
        assert task.predict is not AbstractTask.predict, name
        assert not issubclass(task, ClassificationTask) or task.encoded is not ClassificationTask.encoded, name


def test_a_trained_model_predicts_and_writes(tmp_path: Path, text: Path) -> None:
    quick = ("train.steps=5", "cell.hidden_size=8", "train.progress=false", "train.kernel=library", f"out={tmp_path}")
    run = rnnsweep.train("task=charlm", f"task.text={text}", "task.sample_length=5", *quick)
    trained = rnnsweep.load(run)
    written = trained.generate("The ", length=12, seed=3)
    assert written.startswith("The ")
    assert len(written) == 16
    assert written == rnnsweep.load(run.path).generate("The ", length=12, seed=3)
    assert len(trained.predict(["The cat"] * 3)) == 3
    with pytest.raises(ConfigError, match=r"expected a list of examples, got one text; use \['The cat'\]"):
        trained.predict("The cat")
    with pytest.raises(ConfigError, match=r"^the new data: example 501 has fewer than two characters"):
        trained.predict(["The cat"] * 501 + ["T"])
    with pytest.raises(ConfigError, match="the vocabulary lacks"):
        trained.generate("Ж")
    wrong: dict[str, Any] = {"length": -3, "temperature": -1.0, "top_k": -1, "seed": "a", "top_p": 0.9}
    for name, value in wrong.items():
        with pytest.raises(ConfigError, match=f"^{name}: "):
            trained.generate("The ", **{name: value})
    with pytest.raises(ConfigError, match="prompt: '' has no characters"):
        trained.generate("")
    with pytest.raises(ConfigError, match="not the directory of a run"):
        rnnsweep.load(tmp_path / "nothing")


LAYERS = [("cell.num_layers=2", "cell.dropout=0.2"), ("cell.num_layers=1", "cell.dropout=0.0")]


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("cell", ["gru", "gru_scratch", "lstm", "lstm_scratch", "rnn", "rnn cell.nonlinearity=relu"])
def test_torchs_own_modules_give_the_same_outputs(cell: str, layers: tuple[str, ...]) -> None:
    _, model = made("parity", *f"cell={cell}".split(), *layers)
    module = of(model, cell)["cell"]
    x = torch.randn(3, 7, model.cell.input_size)
    with torch.no_grad():
        ours, state = model.cell(x, ())
        theirs, last = module(x)
    assert torch.allclose(ours, theirs, atol=1e-6)
    h = last[0] if isinstance(last, tuple) else last
    assert torch.allclose(state[0], h[0], atol=1e-6)


@pytest.mark.slow
def test_a_cell_that_torch_lacks_is_named(resolved: Compose) -> None:
    same = {"gru", "gru_scratch", "lstm", "lstm_scratch", "rnn", "rnn_identity", "lstm_no_peepholes"}
    for cell in choices("cell"):
        config, classes = validated(resolved(f"cell={cell}", "cell.hidden_size=8"))
        model = torch.nn.ModuleDict({"cell": classes["cell"](4, **settings(config, "cell"))})
        if cell in same:
            assert {*of(model, cell)} == {"cell"}
            continue
        with pytest.raises(ConfigError, match=f"`{cell}` computes what none of nn.RNN, nn.GRU and nn.LSTM does"):
            of(model, cell)
    with pytest.raises(ConfigError, match=r"`cell.zoneout` of `gru` is in none"):
        of(made("parity", "cell=gru", "cell.zoneout=0.1")[1], "gru")


@pytest.mark.parametrize("task", ["parity", "seqmean"])
def test_an_exported_model_gives_the_same_outputs(task: str) -> None:
    learned, model = made(task)
    given = onnx.inputs(learned, model)
    program = onnx.exported(learned, model).module()
    found, expected = program(*given), model(*given)
    first = [each[0] if isinstance(each, tuple) else each for each in (found, expected)]
    assert torch.allclose(*first, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "cell"),
    [("seqmean", "lstm_layernorm"), ("charlm", "gru"), ("addition", "lstm"), ("reverse", "transformer")],
)
def test_an_onnx_file_gives_the_same_outputs(
    task: str, cell: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for package in (*onnx.NEEDED, "onnxruntime"):
        pytest.importorskip(package)
    import onnxruntime

    learned, model = made(task, f"cell={cell}")
    session = onnxruntime.InferenceSession(onnx.write(learned, model, tmp_path / "model.onnx"))
    told = capfd.readouterr()
    assert told.out == ""
    assert "torchvision" not in told.err
    given = onnx.inputs(learned, model)
    named = {one.name: each.numpy() for one, each in zip(session.get_inputs(), given, strict=True)}
    found, expected = session.run(None, named)[0], model(*given)
    assert np.allclose(found, (expected[0] if isinstance(expected, tuple) else expected).detach().numpy(), atol=1e-5)


def test_an_onnx_file_says_how_its_numbers_are_scaled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for package in onnx.NEEDED:
        pytest.importorskip(package)
    from onnx import load

    learned, model = made("forecast", "task.seq_len=4", "task.horizon=2", "task.points=200", "task.season=4")
    errors.TOLD.clear()
    path = onnx.write(learned, model, tmp_path / "model.onnx")
    assert "expects scaled numbers, (number - mean) / deviation; both are `scale`" in capsys.readouterr().err
    (kept,) = load(path).metadata_props
    assert kept.key == "rnnsweep"
    assert json.loads(kept.value)["scale"] == learned.assets()["scale"]


def test_windows_of_another_length_than_the_trainings_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("forecast", "sine"):
        learned, model = made(name, "task.seq_len=8")
        features = 2 if name == "forecast" else 1
        errors.TOLD.clear()
        learned.predict(model, [np.zeros((8, features))])
        assert capsys.readouterr().err == ""
        learned.predict(model, [np.zeros((8, features)), np.zeros((5, features))])
        assert "windows of 5 steps; the model was trained on windows of 8" in capsys.readouterr().err


def test_an_onnx_file_without_its_packages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned, model = made("seqmean")
    monkeypatch.setattr(onnx, "NEEDED", ("onnx_that_nobody_has",))
    with pytest.raises(ConfigError, match="an ONNX file needs onnx_that_nobody_has: pip install onnx_that_nobody_has"):
        onnx.write(learned, model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


# What is wrong --------------------------------------------------------------------------------------------------------


def test_a_run_has_the_name_and_the_settings_of_the_command_line() -> None:
    run = composed(*SMALL, "seed=3", "optimizer.lr=${seed}")
    assert run.id.startswith("parity-gru-s3-")
    assert run.config["optimizer"]["lr"] == 3.0


WRONG = [
    ("cell.hiden_size=8", r"cell.hiden_size: GRU has no parameter `hiden_size`. Did you mean `hidden_size`?"),
    ("cel.hidden_size=8", "cel: there is no setting or group `cel`. Did you mean `cell`?"),
    ("cell.hidden_size=0", "cell.hidden_size: expected at least 1, got 0"),
    ("lr=0.1", "lr: there is no setting or group `lr`. Did you mean `optimizer.lr`?"),
    ("train.hidden_size=8", "train has no setting `hidden_size`. Did you mean `cell.hidden_size`?"),
    ("hydra.swepper.name=x", "hydra.swepper: there is no such setting. Did you mean `sweeper`?"),
    ("hydra.sweeper.wokers=2", "hydra.sweeper.wokers: there is no such setting. Did you mean `workers`?"),
    ("cell=gruu", "the overrides: `cell=gruu`: there is no cell `gruu`. Did you mean `gru`?"),
    ("cell=nan", "the overrides: `cell=nan`: a group takes the name of one of its choices"),
    ("cell=gru,rnn", "the overrides: `cell=gru,rnn`: several values are a sweep"),
    ("cell.hidden_size=[", "the overrides: `cell.hidden_size=[`: cannot be read as KEY=VALUE"),
    ("task.path=имена", "a text goes in quotes"),
    ("cell", "the overrides: "),
    ("cell.hidden_size=${nothing}", "nothing"),
    ("~cell", "a run needs one cell"),
    ("seed=x", "seed: expected an integer"),
    ("task.examples=null", "task.examples: "),
]


@pytest.mark.parametrize(("override", "said"), WRONG)
def test_what_is_wrong_is_refused_by_name(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        composed(override)
    assert said in str(refused.value)


def test_a_notebook_shows_a_line_in_place_of_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell.instance()
    shell.run_cell(
        "from rnnsweep.errors import ConfigError\nraise ConfigError('cell.size', 'there is no such setting')"
    )
    said = capsys.readouterr()
    assert (said.out + said.err).strip() == "rnnsweep: cell.size: there is no such setting"
