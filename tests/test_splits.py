"""Training, validation and test in files of their own: texts, and labelled texts."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Compose, Told

from rnnsweep import errors, run
from rnnsweep.data import splits
from rnnsweep.errors import ConfigError
from rnnsweep.tasks.charlm import CharLM
from rnnsweep.tasks.names_class import NamesClass
from rnnsweep.tasks.sentiment_class import SentimentClass
from rnnsweep.tasks.series_class import SeriesClass
from rnnsweep.vocab import UNKNOWN, Bytes


def written(folder: Path, **files: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def texts(folder: Path) -> Path:
    return written(folder, train__txt="abcd" * 50, valid__txt="abXd" * 10, test__txt="dcba" * 8)


def charlm(**options: Any) -> CharLM:
    return CharLM(0, 2, **{"seq_len": 8, "embedding_size": 4} | options)


# Texts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_folder", [False, True])
def test_each_part_of_a_text_is_its_file(as_folder: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = texts(tmp_path / "texts")
    files = {"text": "train", "val_text": "valid", "test_text": "test"}
    options = {key: str(folder / f"{name}.txt") for key, name in files.items()}
    task = charlm(**({"text": str(folder)} if as_folder else options))
    assert task.data.parts == {"train": ["abcd" * 50], "val": ["abXd" * 10], "test": ["dcba" * 8]}
    assert task.vocab.symbols == "abcd"
    assert (task.data.tokens["val"] == UNKNOWN).sum() == 10
    assert (
        "25% of the characters in the validation part do not occur in the training part ('X')"
        in capsys.readouterr().err
    )


def test_a_part_without_a_file_is_cut_from_the_training_text(tmp_path: Path) -> None:
    folder = texts(tmp_path)
    (folder / "valid.txt").unlink()
    task = charlm(text=str(folder), val_fraction=0.1)
    assert [len(task.data.parts[split][0]) for split in ("train", "val", "test")] == [180, 20, 32]


def test_the_id_follows_the_content_of_every_part_and_no_path(composed: Compose, tmp_path: Path) -> None:
    one, two = texts(tmp_path / "one"), texts(tmp_path / "two")

    def name(folder: Path, *more: str) -> str:
        return run.identify(composed("task=charlm", f"task.text={folder}", *more)).id

    before = name(one)
    assert before == name(two)
    alone = name(one / "train.txt")
    assert alone not in (before, name(one / "train.txt", f"task.test_text={one / 'test.txt'}"))
    written(two, test__txt="other")
    assert name(two) != before


def test_the_names_of_parts() -> None:
    names = ("train.txt", "ptb.valid.txt", "wiki.test.tokens", "dev", "X_TRAIN.ts", "trained.txt", "contest.txt")
    assert [splits.said(name) for name in names] == ["train", "val", "test", "val", "train", None, None]


@pytest.mark.parametrize(
    ("files", "options", "said"),
    [
        ({"train__txt": "a b", "x_train__txt": "c d"}, {}, "has 2 files for train: 'train.txt', 'x_train.txt'"),
        ({"valid__txt": "a b"}, {}, "has 'valid.txt', but no training part"),
        ({"notes__txt": "a b"}, {}, "is a directory"),
        ({"train__txt": "a b c", "test__txt": "a b c"}, {}, "`.*test.txt` has the content of `.*train.txt`"),
        ({"train__txt": "a b c", "test__txt": "a"}, {"test_text": "t.txt"}, "has a test part already"),
    ],
)
def test_folders_that_cannot_be_used(files: dict[str, str], options: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        _ = charlm(text=str(written(tmp_path, **files)), **options).data


def test_a_part_that_is_missing_is_refused_by_its_setting(refused: Told, tmp_path: Path) -> None:
    folder = texts(tmp_path / "texts")
    told = refused("task=charlm", f"task.text={folder / 'train.txt'}", "task.test_text=none.txt")
    assert told == "`task.test_text=none.txt`: there is no file `none.txt`"
    assert "give the training text, too" in refused("task=charlm", f"task.val_text={folder / 'test.txt'}")
    assert "task.sections" in refused("task=charlm", f"task.text={folder}", "task.sections=2")


# Bytes ---------------------------------------------------------------------------------------------------------


def test_bytes_are_those_of_the_file(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfone\r\ncaf\xc3\xa9 \xff\r\n" * 20
    (tmp_path / "t.txt").write_bytes(content)
    task = charlm(text=str(tmp_path / "t.txt"), tokens="bytes", val_fraction=0.5, test_fraction=0.0)
    assert len(task.vocab) == 1 + len(set(content))
    stream = [*task.data.tokens["train"][0].tolist(), *task.data.tokens["val"][0].tolist()]
    assert bytes(ord(task.vocab.symbols[number - 1]) for number in stream) == content
    assert task.vocab.decode(task.vocab.encode("caf\u00e9\r\n").tolist()) == "caf\u00e9\r\n"
    bare = charlm(tokens="bytes")
    bare.adopt(task.assets())
    assert isinstance(bare.vocab, Bytes)
    assert bare.vocab.symbols == task.vocab.symbols
    with pytest.raises(ConfigError, match=r"task\.encoding: bytes are read as they are"):
        _ = charlm(text=str(tmp_path / "t.txt"), tokens="bytes", encoding="cp1252").data


# Labelled texts ------------------------------------------------------------------------------------------------


def rows(words: str, labels: str = "xy") -> str:
    return "text,label\n" + "".join(f"{word},{label}\n" for word in words.split() for label in labels)


@pytest.mark.parametrize("form", ["tables", "settings", "folders"])
def test_labelled_parts_are_their_files(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if form == "folders":
        for part, words in (("train", "ab cd ef"), ("val", "gh"), ("test", "ab ij")):
            written(tmp_path / part, **{f"{c}__txt": "".join(f"{word}\n" for word in words.split()) for c in "xy"})
        options = {"path": str(tmp_path)}
    else:
        written(tmp_path, train__csv=rows("ab cd ef"), valid__csv=rows("gh"), test__csv=rows("ab ij"))
        files = {"path": "train", "val_path": "valid", "test_path": "test"}
        options = {key: str(tmp_path / f"{name}.csv") for key, name in files.items()}
        options = options if form == "settings" else {"path": str(tmp_path)}
    task = NamesClass(0, 2, **options)  # type: ignore[arg-type]
    found = {split: sorted(set(task.texts(split))) for split in ("train", "val", "test")}
    assert found == {"train": ["ab", "cd", "ef"], "val": ["gh"], "test": ["ab", "ij"]}
    assert task.classes == ["x", "y"]
    assert task.vocab.symbols == "abcdef"
    assert "2 of the 4 texts of the test part are trained on, too" in capsys.readouterr().err


def test_a_labelled_part_without_a_file_is_taken_from_the_training_texts(tmp_path: Path) -> None:
    words = " ".join(f"w{n}" for n in range(20))
    written(tmp_path, train__csv=rows(words, "x") + rows(words, "y")[11:], test__csv=rows("new"))
    task = SentimentClass(0, 2, path=str(tmp_path), val_fraction=0.2)
    assert [task.size(split) for split in ("train", "val", "test")] == [32, 8, 2]


def test_a_class_that_was_never_trained_is_refused(tmp_path: Path) -> None:
    written(tmp_path, train__csv=rows("ab cd"), test__csv=rows("ab", "z"))
    with pytest.raises(ConfigError, match=r"task.test_path: .* has classes that the training texts lack: 'z'"):
        _ = NamesClass(0, 2, path=str(tmp_path / "train.csv"), test_path=str(tmp_path / "test.csv")).data
    with pytest.raises(ConfigError, match=r"task.test_path: give `task.path`"):
        _ = NamesClass(0, 2, test_path=str(tmp_path / "test.csv")).data


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("form", ["texts", "series"])
def test_two_parts_with_one_content_are_told(
    form: str, copied: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {
        "texts": "text,label\n" + "".join(f"name{{n}}{n},{'ab'[n % 2]}\n" for n in range(40)),
        "series": "".join(f"{n % 2} {{n}}{n} 2 3\n" for n in range(40)),
    }
    contents = {name: rows[form].replace("{n}", str(number)) for number, name in enumerate(("a", "b"), 1)}
    written(tmp_path, a__txt=contents["a"], b__txt=contents["b"], c__txt=contents["b"])
    a, b, c = (str(tmp_path / f"{name}.txt") for name in "abc")
    task = NamesClass if form == "texts" else SeriesClass
    errors.TOLD.clear()
    _ = task(0, 4, path=a, val_path=b, test_path=c if copied else b).data
    assert "the val part, by which the weights are chosen" in capsys.readouterr().err
    _ = task(0, 4, path=b, test_path=c if copied else b).data
    assert "the train part, which is trained on" in capsys.readouterr().err
    errors.TOLD.clear()
    _ = task(0, 4, path=a, test_path=b).data
    assert capsys.readouterr().err == ""
