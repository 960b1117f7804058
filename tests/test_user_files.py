"""Files of users at every door: what is no regular file, other encodings, odd names, lines, odd piano rolls."""

import os
import re
import shlex
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT
from hydra.core.override_parser.overrides_parser import OverridesParser
from scipy.io import savemat
from scipy.sparse import csc_matrix
from test_seqmnist import grey, idx

from rnnsweep import errors
from rnnsweep.api.writing import Options, written
from rnnsweep.cells.gru import GRU
from rnnsweep.command_words import override_of_texts
from rnnsweep.data import corpora, digits, labelled, music, series, user_files
from rnnsweep.data.wordlists import Limits
from rnnsweep.errors import ConfigError
from rnnsweep.report.markdown import block
from rnnsweep.tasks.music import Music
from rnnsweep.tasks.names_gen import NamesGen
from rnnsweep.tasks.samples import openings
from rnnsweep.tasks.sentiment_class import SentimentClass
from rnnsweep.templates.metric import NewMetric
from rnnsweep.vocab import Vocab

CASES = ROOT.parent / "shared" / "cases"
WORDS = "rain kept falling on the tin roof all night"

DOORS: dict[str, Callable[[str], Any]] = {
    "text": corpora.load,
    "labelled": labelled.load,
    "series": lambda path: series.column(path, None),
    "piano rolls": music.rolls,
    "digits": digits.pictures,
}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    for cached in (corpora.load, corpora._split, labelled.load, series.column, music.rolls, digits.pictures):
        cached.cache_clear()


# Paths ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_file_that_changes_is_read_again(whole_folder: bool, tmp_path: Path) -> None:
    """As in a notebook, where one process trains on what a cell wrote anew."""
    path, folder = tmp_path / "x.csv", tmp_path / "classes"
    folder.mkdir()
    (folder / "b.txt").write_text("one\ntwo\n")
    readers = {
        "text": lambda: corpora.load(str(path)).text,
        "parts": lambda: corpora.split(corpora.TextSource(str(path)), 1, 0.1, 0.1, Vocab.of).parts,
        "table": lambda: labelled.load(str(path)).pairs,
        "series": lambda: series.column(str(path), "number")[0].tolist(),
    }
    readers = {"folder": lambda: labelled.load(str(folder)).pairs} if whole_folder else readers

    def found(number: int) -> dict[str, Any]:
        lines = [f"{number * n % 7}.5,word{number * n},{'ab'[n % 2]}\n" for n in range(20)]
        path.write_text("number,text,label\n" + "".join(lines))
        (folder / "a.txt").write_text(f"word{number}\nother\n")
        return {name: reader() for name, reader in readers.items()}

    first, second = found(1), found(3)
    assert not any(first[name] == second[name] for name in readers)


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(WORDS)
    assert corpora.load(str(tmp_path / "x.txt")) is corpora.load(str(tmp_path / "x.txt"))


def file_at(folder: Path, door: str, make: Callable[[Path], object]) -> str:
    """A path for a door, at which `make` puts something: the digits' door has a folder of files."""
    if door != "digits":
        make(folder / "x.csv")
        return str(folder / "x.csv")
    for name in sum(digits.FILES, ()):
        make(folder / name)
    return str(folder)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["FIFO", "device"])
def test_what_is_no_regular_file_is_refused_at_once(door: str, make: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a device, a pipe or a socket; give a regular file"):
        DOORS[door](file_at(tmp_path, door, make))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("path", ["", "none/x.csv", "a\0b", "~nobody-of-that-name/x", "x" * 300])
def test_a_path_that_leads_nowhere_is_refused(door: str, path: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no file|cannot read|is no folder|the path is empty"):
        DOORS[door](path)


def test_a_class_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    os.mkfifo(tmp_path / "b.txt")
    with pytest.raises(ConfigError, match=r"b\.txt` is a device, a pipe or a socket"):
        labelled.load(str(tmp_path))


@pytest.mark.parametrize(
    "value",
    [
        "a=b (1).txt",
        "notes(1)",
        "it's.txt",
        "\u00fcber/\u043f\u0443\u0442\u044c.txt",
        'a"b\\',
        "C:\\new\\",
        "a{b}[c]#!;~.txt",
        "a,b",
        "Level (m)",
    ],
)
def test_the_line_to_type_is_read_as_the_text(value: str) -> None:
    (typed,) = shlex.split(override_of_texts("task.text", value))
    assert OverridesParser.create().parse_override(typed).value() == value


def test_several_texts_to_type_are_read_as_a_sweep() -> None:
    (typed,) = shlex.split(override_of_texts("task.text", "a=b.txt", "it's, too"))
    assert [*OverridesParser.create().parse_override(typed).sweep_string_iterator()] == ['"a=b.txt"', '"it\'s, too"']


# Encodings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "d\u00e9j\u00e0 vu"),
        ("cp1252", "don\u2019t \u2013 \u201cna\u00efve\u201d Gr\u00f6\u00dfe \u00dcBER 20 \u20ac"),
        ("cp1252", "5 \u00b0C, 3 \u00b5g, m\u00b3/s"),
        (
            "cp1251",
            "\u041f\u0440\u0438\u0432\u0435\u0442, \u043a\u0430\u043a \u0434\u0435\u043b\u0430? \u0427\u0430\u0439",
        ),
        (
            "koi8-r",
            "\u041f\u0440\u0438\u0432\u0435\u0442, \u043a\u0430\u043a \u0434\u0435\u043b\u0430? \u0427\u0430\u0439",
        ),
        ("mac_roman", "d\u00e9j\u00e0 vu, don\u2019t"),
        ("cp1250", "P\u0159\u00edli\u0161 \u017elu\u0165ou\u010dk\u00fd k\u016f\u0148"),
        ("shift_jis", "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c\u3001\u65e5\u672c\u8a9e"),
        ("gb18030", "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u8fd9\u662f\u6587\u672c"),
        ("utf-16", "plain words"),
        ("utf-16-le", "plain words"),
        ("utf-16-be", "plain words"),
    ],
)
def test_the_encoding_that_would_work_is_named_and_works(encoding: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(f"{text}\n{text} again\n".encode(encoding))
    with pytest.raises(ConfigError, match=r"is not UTF-8") as error:
        corpora.load(str(path))
    (named,) = re.findall(r"`task\.encoding=(\S+)` reads it as", str(error.value))
    assert named == encoding
    assert corpora.load(str(path), named).text == f"{text}\n{text} again\n"


def test_every_reader_takes_the_encoding(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f"caf\u00e9 {n},{'éè'[n % 2]}\n" for n in range(20))
    (tmp_path / "t.csv").write_bytes(content.encode("cp1252"))
    with pytest.raises(ConfigError, match=r"`task.encoding=cp1252` reads it as 'café 0,é'"):
        labelled.load(str(tmp_path / "t.csv"))
    assert labelled.load(str(tmp_path / "t.csv"), "cp1252").classes == ["\u00e8", "\u00e9"]
    (tmp_path / "s.csv").write_bytes("Temp\u00e9rature;x\n1;2\n".encode("utf-16"))
    assert series.column(str(tmp_path / "s.csv"), "Temp\u00e9rature", "utf-16")[0].tolist() == [1.0]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac_roman"])
def test_utf8_that_is_read_as_another_encoding_is_told(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.txt").write_text("caf\u00e9", "utf-8")
    errors.TOLD.clear()
    user_files.read(tmp_path / "t.txt", "task.text").text(encoding)
    assert (
        f"is valid UTF-8; as it is read as {encoding}, its letters beyond ASCII become other letters"
        in capsys.readouterr().err
    )
    for content in ("caf\u00e9".encode(encoding), b"cafe"):
        (tmp_path / "t.txt").write_bytes(content)
        user_files.read(tmp_path / "t.txt", "task.text").text(encoding)
    assert capsys.readouterr().err == ""


def test_an_encoding_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("words\n")
    for name in ("utf9", "base64", "", "a\0b"):
        with pytest.raises(ConfigError, match=r"task\.encoding: Python has no text encoding"):
            corpora.load(str(tmp_path / "t.txt"), name)


# Folders of classes --------------------------------------------------------------------------------------------


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    folder = tmp_path / "classes"
    folder.mkdir()
    for name in ("letters", "notes"):
        (folder / f"{name}.txt").write_text("".join(f"{WORDS} {name} {n}\n" for n in range(30)))
    return folder


def test_hidden_files_are_no_classes(classes: Path) -> None:
    before = labelled.load(str(classes))
    (classes / "._notes.txt").write_bytes(b"\0\x05\x16\x07\0\2\0\0Mac OS X")
    (classes / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    labelled.load.cache_clear()
    assert labelled.load(str(classes)) == before


def test_a_line_ends_at_a_line_feed_only(classes: Path) -> None:
    """Every fifth text holds a character that `str.splitlines` takes for a line's end."""
    for end in ("\n", "\r\n"):
        for name, odd in (("letters", "\u2028"), ("notes", "\x0c")):
            rows = [f"{WORDS} {name} {n}".replace(" ", odd if n % 5 == 0 else " ", 1) for n in range(300)]
            rows[7] = rows[7].replace(" ", "\x85", 1).replace(" ", "\x1e", 1).replace(" ", "\r", 1)
            (classes / f"{name}.txt").write_bytes((end.join(rows) + end).encode())
        labelled.load.cache_clear()
        task = SentimentClass(0, 8, path=str(classes), test_fraction=0.2)
        assert [len(task.parts[split]) for split in ("train", "val", "test")] == [420, 60, 120]


def test_old_macs_line_ends_are_read_where_there_are_no_others(classes: Path) -> None:
    (classes / "mac.txt").write_bytes(b"one\rtwo\rthree")
    assert [text for text, label in labelled.load(str(classes)).pairs if label == "mac"] == ["one", "two", "three"]


def test_file_names_that_are_not_utf8_do_not_raise(classes: Path) -> None:
    name = os.fsdecode(b"Fran\xe7ais.txt")
    (classes / name).write_text("un\ndeux\n")
    found = labelled.load(str(classes))
    assert found.classes == ["Fran\\xe7ais", "letters", "notes"]
    assert "\\".join(found.classes).encode()


def test_names_of_classes_are_composed(classes: Path) -> None:
    (classes / f"{unicodedata.normalize('NFD', 'Français')}.txt").write_text("un\ndeux\n")
    assert "Fran\u00e7ais" in labelled.load(str(classes)).classes


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_label_may_be_typed_composed_or_decomposed(form: Any) -> None:
    task = NamesGen(0, 4, examples=100)
    torch.manual_seed(0)
    model = task.build(lambda size: GRU(size, hidden_size=8), lambda size: None).eval()  # type: ignore[arg-type,return-value]
    for kept in ("NFC", "NFD"):  # a model that was saved before may know the other form
        task.classes = [unicodedata.normalize(kept, name) for name in ["Fran\u00e7ais", *task.classes[1:]]]
        label = unicodedata.normalize(form, "Fran\u00e7ais")
        lines = written(task, model, Options(label=label, seed=1), "run").splitlines()
        assert len(lines) == 10
        assert {line.split(": ")[0] for line in lines} == {task.classes[0]}


# Texts ---------------------------------------------------------------------------------------------------------


def test_openings_are_cut_at_line_feeds_only() -> None:
    text = "".join(f"line {n} goes\u2028on and on\n" for n in range(8))
    assert openings(text) == [f"line {n} goes\u2028on a" for n in (0, 2, 4, 6)]


def test_what_a_model_writes_stays_in_its_block_and_is_cut_at_line_ends_only() -> None:
    assert block("one\u2028two\r\nthree\rfour\n") == "    one\u2028two\n    three\n    four"
    assert block("") == "    "


def test_the_share_of_symbols_that_training_lacks_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.txt"
    path.write_text("a" * 900 + "a" * 40 + "\u00e9" * 9 + "z" + "a" * 50)
    errors.TOLD.clear()
    for _ in range(2):
        corpora._split.cache_clear()
        corpora.split(corpora.TextSource(str(path)), 1, 0.05, 0.05, Vocab.of)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "20% of the characters in the validation part do not occur in the training part ('z', '\u00e9')" in said
    path.write_text("ab" * 500)
    corpora.split(corpora.TextSource(str(path)), 1, 0.05, 0.06, Vocab.of)
    assert capsys.readouterr().err == ""


def test_sequences_that_are_left_out_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    music.rolls.cache_clear()
    errors.TOLD.clear()
    music.rolls(mat(tmp_path, validdata=rolls(1, 9, 8, 0)))
    assert "2 of 4 sequences of `validdata` have fewer than two steps and are left out" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [Vocab.of, Limits(1, None)])
def test_a_part_with_nothing_to_predict_is_refused(kind: corpora.Kind, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a b a b\n" * 30)
    (tmp_path / "val.txt").write_text("a")
    source = corpora.TextSource(str(tmp_path / "train.txt"), str(tmp_path / "val.txt"))
    with pytest.raises(
        ConfigError, match=r"`.*val.txt` has fewer than two \w+, so there is nothing to predict"
    ) as told:
        corpora.split(source, 1, 0.05, 0.05, kind)
    assert told.value.keys[0] == "task.val_text"


def test_a_large_vocabulary_is_cut_in_messages() -> None:
    vocab = Vocab("".join(map(chr, range(0x4E00, 0x5E00))))
    said = vocab.missing("a\u4e00" + "".join(map(chr, range(0x400, 0x500))))
    assert said.startswith("the vocabulary lacks 'a', '\u0400', ")
    assert said.endswith("and 3,996 more")
    assert len(said) < 400
    assert Vocab("abc").missing("abcd") == "the vocabulary lacks 'd'; it has 'abc'"


# Piano rolls ---------------------------------------------------------------------------------------------------


def rolls(*lengths: int, value: int = 1) -> np.ndarray:
    cell = np.empty((1, len(lengths)), dtype=object)
    for place, length in enumerate(lengths):
        roll = np.zeros((length, 88), np.uint8)
        roll[:, place::7] = value
        cell[0, place] = roll
    return cell


def mat(folder: Path, **content: Any) -> str:
    parts = {"traindata": rolls(12, 20), "validdata": rolls(9, 8), "testdata": rolls(7, 5)} | content
    savemat(folder / "m.mat", parts)
    return str(folder / "m.mat")


def test_pieces_with_nothing_to_predict_are_left_out(tmp_path: Path) -> None:
    whole = Music(0, 2, path=mat(tmp_path))
    wanted = {split: [piece.tolist() for piece in pieces] for split, pieces in whole.pieces.items()}
    music.rolls.cache_clear()
    empty = rolls(12, 20, 1, 1)
    empty[0, 3] = np.zeros((0, 0))
    odd = Music(0, 2, path=mat(tmp_path, traindata=empty, validdata=rolls(9, 8, 0), testdata=rolls(7, 5, 1)))
    assert {split: [piece.tolist() for piece in pieces] for split, pieces in odd.pieces.items()} == wanted
    assert all(part["lengths"].min() >= 1 for part in odd.data.values())


@pytest.mark.parametrize("part", ["traindata", "validdata", "testdata"])
@pytest.mark.parametrize("pieces", [rolls(1, 1), rolls(0), rolls(), np.zeros((1, 88))], ids=["1 1", "0", "none", "one"])
def test_a_part_with_nothing_to_predict_is_refused_by_name(part: str, pieces: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"task.path: `{part}` of .* has nothing to predict"):
        music.rolls(mat(tmp_path, **{part: pieces}))


def test_one_matrix_is_one_piece_and_a_block_is_many(tmp_path: Path) -> None:
    one, several = rolls(30)[0, 0], np.stack([rolls(6)[0, 0]] * 4)
    found, _ = music.rolls(mat(tmp_path, traindata=one, validdata=several, testdata=csc_matrix(one.astype(float))))
    assert [[piece.shape for piece in pieces] for pieces in found.values()] == [[(30, 88)], [(6, 88)] * 4, [(30, 88)]]


@pytest.mark.parametrize("value", [64, 2, 0.5, np.nan])
def test_values_other_than_0_and_1_are_told(value: float, tmp_path: Path) -> None:
    odd = rolls(9, 8)
    odd[0, 1] = odd[0, 1].astype(float) * value
    with pytest.raises(ConfigError, match=r"`testdata\{2\}` of .* holds values other than 0 and 1, such as"):
        music.rolls(mat(tmp_path, testdata=odd))


def test_digits_that_a_browser_has_unpacked_or_not_are_read(tmp_path: Path) -> None:
    import gzip

    for (images, labels), count in zip(digits.FILES, (20, 5), strict=True):
        (tmp_path / images).write_bytes(gzip.compress(idx(grey(count))))
        (tmp_path / labels).write_bytes(idx(np.arange(count) % 10))
    assert len(digits.pictures(str(tmp_path))[0][1]) == 20


# The cases that were seen --------------------------------------------------------------------------------------


@pytest.mark.skipif(not CASES.is_dir(), reason="shared/cases is not here")
@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("quotes/never_closed_small.csv", "line 4 of .* opens a quote that is never closed"),
        ("quotes/closed_later.csv", "line 4 of .* opens a quote that is closed on line 251"),
        ("columns/unquoted.csv", "line 2 of .* has 3 fields where the header names 2"),
        ("columns/twice_named.csv", "line 1 of .* names the column `text` twice"),
    ],
)
def test_the_cases_of_labelled_tables(case: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        labelled.load(str(CASES / case))


@pytest.mark.skipif(not CASES.is_dir(), reason="shared/cases is not here")
def test_the_cases_of_series_and_texts() -> None:
    levels = [series.column(str(file), "level")[0].tolist() for file in sorted((CASES / "blank-lines").glob("*.csv"))]
    assert len(levels) == 3
    assert levels[0] == levels[1] == levels[2]
    assert len(labelled.load(str(CASES / "quotes" / "one_long_text.csv")).pairs) == 201
    assert len(labelled.load(str(CASES / "line-separators" / "texts")).pairs) == 600
    with pytest.raises(ConfigError, match="names the column `open` twice"):
        series.column(str(CASES / "columns" / "series_twice.csv"), "open")


def test_a_missing_file_is_told_with_the_nearest_name_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "my_notes.txt").write_text("some text")
    with pytest.raises(ConfigError, match=rf"there is no file .*my_note.txt`. Did you mean `{tmp_path}/my_notes.txt`"):
        user_files.read(tmp_path / "my_note.txt", "task.text")
    with pytest.raises(ConfigError, match=r"there is no file `[^`]*`$"):
        user_files.read(tmp_path / "quite_another", "task.text")
    with pytest.raises(ConfigError, match=r"there is no file `[^`]*`$"):
        user_files.read(tmp_path / "no_folder" / "my_notes.txt", "task.text")


class Flat(torch.nn.Module):
    """Equal scores of two classes."""

    def forward(self, inputs: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, Any]:
        return torch.zeros(*inputs.shape, 2), state


def test_the_metric_of_the_template_counts_all_classes_where_there_are_fewer() -> None:
    batch = {"inputs": torch.zeros(4, 5), "targets": torch.zeros(4, 5, dtype=torch.long)}
    found, of = NewMetric().measure(Flat(), batch, ())
    assert (int(found), of) == (20, 20)
