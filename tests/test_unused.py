"""Settings that do nothing beside the others of a run are told, in a single run, a grid and a search."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Prepared, once

from rnnsweep import cli
from rnnsweep.errors import TOLD

SHAPE = ("task=parity", "task.examples=100", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=4")
SEQUENCES = ("task=addition", "task.examples=500", "train.batch_size=20", "cell.hidden_size=4", "train.warmup=0")
Said = Callable[..., str]


@pytest.fixture
def said(prepared: Prepared, capsys: pytest.CaptureFixture[str]) -> Said:
    """From the words of a sweep to what is said of it on stderr."""

    def command(*words: str) -> str:
        TOLD.clear()
        prepared("-m", *once(words))
        return capsys.readouterr().err

    return command


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("cell.dropout=0.5",), "cell.dropout=0.5 does nothing: it acts between layers, and cell.num_layers is 1"),
        (("cell.residual=true",), "cell.residual=True does nothing"),
        (("cell.layer_norm=true",), "cell.layer_norm=True does nothing"),
        (("cell.num_layers=2", "cell.variational=true"), "cell.variational=True does nothing"),
        (("cell.match_params=3000",), "cell.hidden_size=4 does nothing: cell.match_params=3000 chooses"),
        (("train.floor=0.1", "train.schedule=plateau"), "train.floor=0.1 does nothing: train.schedule is plateau"),
        (("train.decay=0.5",), "train.decay=0.5 does nothing: train.schedule is cosine"),
        (("train.decay_every=2", "train.schedule=plateau"), "train.decay_every=2.0 does nothing"),
        (("train.decay_after=2",), "train.decay_after=2.0 does nothing"),
        (("train.plateau_patience=2",), "train.plateau_patience=2 does nothing"),
        (("train.epochs=200", "train.steps=99"), "train.steps=99 does nothing: train.epochs=200.0 decides"),
        (("train.steps=50",), "train.warmup=100 is longer than the run, of 50 steps: the learning rate only rises, "),
        (("train.epochs=5",), "train.warmup=100 is longer than the run, of 25 steps"),
        (("pooling=mean",), "pooling=mean does nothing: the model of this task has no pooling"),
        (("cell=mlp_window", "cell.dropout=0.5"), "cell.dropout=0.5 does nothing: it acts between layers"),
        (("cell=lstm_coupled_gates", "cell.forget_bias=2"), "cell.forget_bias=2.0 does nothing: cell.forget_gate=coup"),
        (
            ("cell=lstm_no_forget_gate", "cell.forget_bias=2"),
            "cell.forget_bias=2.0 does nothing: cell.forget_gate=n",
        ),
        (
            ("cell=lstm_coupled_gates", "cell.input_gate=false"),
            "cell.forget_gate=coupled is 1 - i, and without an i",
        ),
        (("cell=indrnn", "cell.recurrent_init=identity", "cell.horizon=9"), "cell.horizon=9 does nothing"),
        (("cell.match_params=230",), "cell.match_params=230: the nearest model has 286 parameters, 24% more"),
        (
            ("train.patience=7",),
            "train.patience=7 does nothing: it can end the run at validation 8 or later, and the run has 8",
        ),
        (
            ("optimizer=ntasgd", "optimizer.nonmono=6"),
            "optimizer.nonmono=6: an average counts from validation 9 on, a",
        ),
    ],
)
def test_a_setting_that_does_nothing_is_told(words: tuple[str, ...], expected: str, said: Said) -> None:
    assert f"rnnsweep: {expected}" in said(*SHAPE, "seed=0,1", *words)


@pytest.mark.parametrize(
    "words",
    [
        ("cell.num_layers=2", "cell.dropout=0.5", "cell.variational=true", "cell.residual=true"),
        ("cell=conv", "cell.dropout=0.5", "cell.variational=true"),
        ("train.schedule=linear", "train.floor=0.1"),
        ("train.schedule=step", "train.decay=0.5", "train.decay_every=2", "train.decay_after=1"),
        ("train.schedule=plateau", "train.decay=0.5", "train.plateau_patience=2"),
        ("train.steps=100",),
        ("train.steps=50", "train.warmup=0"),
        ("cell=mlp_window", "cell.dropout=0.5", "cell.num_layers=2"),
        ("cell=lstm_coupled_gates",),
        ("cell=lstm_vanilla", "cell.forget_bias=2"),
        ("cell=indrnn", "cell.horizon=9"),
        ("train.kernel=fused",),
        ("train.kernel=library", "cell=mlp_window"),
        ("cell.match_params=3000", "cell.hidden_size=384"),
        ("optimizer=ntasgd",),
        ("train.patience=6",),
        ("task.output=last", "pooling=mean"),
    ],
)
def test_a_setting_that_does_something_is_not_told(words: tuple[str, ...], said: Said) -> None:
    assert said(*SHAPE, "seed=0,1", *words) == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("task.forcing_half=10",), "task.forcing_half=10 does nothing: task.forcing_schedule is constant"),
        (("task.length_penalty=1",), "task.length_penalty=1.0 does nothing: task.beam_size is 1"),
        (("task.attention_size=8", "task.attention=luong_dot"), "task.attention_size=8 does nothing"),
        (("task.attention_size=8", "task.attention=bahdanau"), ""),
        (("task.length_penalty=1", "task.beam_size=2", "task.forcing_half=10", "task.forcing_schedule=linear"), ""),
    ],
)
def test_settings_of_sequence_to_sequence(words: tuple[str, ...], expected: str, said: Said) -> None:
    found = said(*SEQUENCES, "seed=0,1", *words)
    assert expected in found
    assert bool(found) == bool(expected)


WORDS = ("task=wordlm", "task.text=texts", "task.seq_len=4", "task.sample_length=0")
SMALL = ("train.batch_size=2", "cell.hidden_size=4", "train.warmup=0", "seed=0,1")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("task=names_class", "task.path=names", "task.examples=300"),
            ["task.examples=300 does nothing: the data come"],
        ),
        (
            ("task=names_class", "task.path=names", "task.val_path=val.csv", "task.val_fraction=0.2"),
            ["task.val_fraction=0.2 does nothing: the val part has a file of its own"],
        ),
        (("task=names_class", "task.path=names", "task.val_fraction=0.2"), []),
        (("task=names_class", "task.examples=300"), []),
        (
            ("task=charlm", "task.text=texts", "task.seq_len=4", "task.test_fraction=0.2", "task.val_fraction=0.3"),
            ["task.val_fraction=0.3 does nothing: the val part has a file of its own"],
        ),
        (
            ("task=sine", "task.column=OT", "task.noise=0.1"),
            ["task.column=OT does nothing: it is about files, and task.path names none"],
        ),
        (
            ("task=forecast", "task.points=400", "task.splits=[200,100,100]", "task.val_fraction=0.3"),
            ["task.val_fraction=0.3 does nothing: task.splits says the rows of each part"],
        ),
        (
            ("task=counting", "task.output=classification", "task.test_lengths=[30]", "task.curriculum_start=3"),
            ["task.test_lengths=[30] does nothing", "task.curriculum_start=3 does nothing: task.curriculum is 0"],
        ),
        (("task=counting", "task.test_lengths=[30]", "task.curriculum_start=3", "task.curriculum=10"), []),
        (
            ("task=names_gen", "task.samples=0", "task.temperature=0.5", "task.prompt_len=2"),
            ["task.temperature=0.5 does nothing: task.samples is 0", "task.prompt_len=2 does nothing"],
        ),
        (
            (
                *WORDS,
                "task.variational=true",
                "task.embedding_dropout=0",
                "task.output_dropout=0",
                "task.prompts=[the]",
            ),
            ["task.variational=True does nothing", "task.prompts=['the'] does nothing: task.sample_length is 0"],
        ),
    ],
)
def test_settings_of_the_data(words: tuple[str, ...], expected: list[str], said: Said, tmp_path: Path) -> None:
    for folder in ("names", "texts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "names" / "Ab.txt").write_text("anna\nabba\nalma\nadda\nava\nafra\n")
    (tmp_path / "names" / "Zu.txt").write_text("zuzu\nzora\nziri\nzenu\nzana\nzuma\n")
    (tmp_path / "val.csv").write_text("text,label\naida,Ab\nzazu,Zu\n")
    (tmp_path / "texts" / "train.txt").write_text("the cat sat on the mat\n" * 9)
    (tmp_path / "texts" / "valid.txt").write_text("the mat sat on the cat\n")
    found = said(*words, *SMALL)
    assert all(each in found for each in expected)
    assert found.count("does nothing") == len(expected)


def test_a_search_over_a_setting_that_does_nothing_is_told(said: Said) -> None:
    told = said(*SHAPE, "cell.dropout=interval(0.0,0.5)", "hydra.sweeper.search=random")
    assert "cell.dropout=0.5 does nothing" in told


def test_a_single_run_is_told_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    TOLD.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rnnsweep", *SHAPE, "train.steps=2", "cell.dropout=0.5", "pooling=mean"])
    cli.main()
    told = capsys.readouterr().err
    for each in ("cell.dropout=0.5 does nothing", "pooling=mean does nothing", "train.warmup=100 is longer"):
        assert each in told


def test_points_of_a_grid_that_are_one_run_are_told(said: Said) -> None:
    """Who compares kernels or devices gets a run of the first one alone."""
    told = said(*SHAPE, "train.warmup=0", "seed=0,1", "train.kernel=scan,library", "train.threads=1,2")
    assert "rnnsweep: train.kernel, train.threads: changes how a run is executed and not its result" in told
    assert said(*SHAPE, "train.warmup=0", "seed=0,0", "cell=rnn,gru", "train.kernel=scan") == ""
