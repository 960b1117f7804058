"""Texts to model, read from files or from Python itself, split and numbered once for all runs of a process."""

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

from rnnsweep.data import splits
from rnnsweep.data.splits import NAMED
from rnnsweep.data.user_files import kept, read
from rnnsweep.data.wordlists import Limits
from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.types import Split
from rnnsweep.vocab import Bytes, Vocabulary

Kind = Callable[[str], Vocabulary]
"""Makes the vocabulary of a training text. It must be hashable: `split` keeps its results by its arguments."""


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A text, where it came from, and the SHA-256 of its bytes."""

    text: str
    source: str
    sha256: str


@kept(12)
def load(path: str | None, encoding: str | None = "utf-8", key: str = "task.text") -> Corpus:
    r"""The text of a file.

    Args:
        path: the file; None: the reference text that comes with this Python.
        encoding: of the file; its line ends become \\n. None: the bytes as they are, in UTF-8 where they are UTF-8.
        key: the setting that names the file, for errors.

    Raises:
        ConfigError: the file is missing, a directory, empty, or not text.
    """
    if path is None:
        return _python_topics()
    file = read(path, key)
    text = file.content.decode("utf-8", "surrogateescape") if encoding is None else file.text(encoding)
    if not text.strip():
        raise file.wrong(f"`{path}` is empty")
    if encoding is not None and "\r" in text and "\n" not in text:
        tell_once(f"`{path}`: its lines end at \\r, which is read as a character, or as a blank between words; use \\n")
    return Corpus(text if encoding is None else text.replace("\r\n", "\n"), path, file.sha256)


def _python_topics() -> Corpus:
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    return Corpus(text, "pydoc_data.topics", hashlib.sha256(text.encode()).hexdigest())


@dataclasses.dataclass(frozen=True)
class TextSource:
    """Where a text and its parts are read from.

    Args:
        path: a file, or a folder with a file for each part (`train.txt`, `valid.txt`, `test.txt`); None: Python's text.
        val: a file for the validation; None: the folder's, or else the end of the training text.
        test: a file for the test, likewise.
        encoding: of the files; None: bytes.
    """

    path: str | None
    val: str | None = None
    test: str | None = None
    encoding: str | None = "utf-8"

    @functools.cached_property
    def files(self) -> dict[Split, Corpus]:
        """The text of each part that has a file of its own. The training text includes the parts that have none.

        Raises:
            ConfigError: a file is missing or no text, is given twice, or is the same as that of another part.
        """
        if self.path is None:
            if self.val or self.test:
                raise ConfigError("task.text", "give the training text, too, beside that of another part")
            return {"train": load(None)}
        given: dict[Split, str | None] = {"train": self.path, "val": self.val, "test": self.test}
        places = splits.places(given, splits.in_folder(self.path, "task.text"), "text")
        found = {split: load(path, self.encoding, key) for split, (path, key) in places.items()}
        for other, split in itertools.combinations(found, 2):
            if found[split].sha256 == found[other].sha256:
                problem = f"`{found[split].source}` has the content of `{found[other].source}`"
                problem = f"{problem}; give each part a text of its own"
                raise ConfigError(f"task.{split}_text", problem, ("task.text",))
        return found

    @property
    def sha256(self) -> str:
        """Of the file; of several files, of all their hashes."""
        return splits.joint_sha256({split: corpus.sha256 for split, corpus in self.files.items()})


class SplitText:
    """The training, validation and test parts of a text, and the vocabulary of the training part.

    Args:
        parts: for each split, sections of equal length.
        kind: makes the vocabulary.
    """

    def __init__(self, parts: dict[Split, list[str]], kind: Kind):
        self.parts = parts
        self.vocab = kind("".join(parts["train"]))

    @functools.cached_property
    def tokens(self) -> dict[Split, Int[Tensor, "section time"]]:
        """The symbols of each split, a row for each section."""
        return {split: torch.stack([self.vocab.encode(p) for p in parts]) for split, parts in self.parts.items()}


def split(source: TextSource, sections: int, val_fraction: float, test_fraction: float, kind: Kind) -> SplitText:
    """The parts of a text; made once for all runs of a process, until its files change.

    A part that has no file of its own is cut from the end of the training text; of each section, where there are
    several.

    Where another part holds symbols that the training part lacks, a message tells their share; all of them become the
    one unknown symbol.

    Raises:
        ConfigError: too little is left to train on or to validate with, or a text in files of its own has sections.
    """
    return _split(source.sha256, source, sections, val_fraction, test_fraction, kind)


@functools.lru_cache(maxsize=8)
def _split(
    _: str, source: TextSource, sections: int, val_fraction: float, test_fraction: float, kind: Kind
) -> SplitText:
    files = source.files
    if len(files) > 1 and sections > 1:
        raise ConfigError("task.sections", "a text whose parts are files is not cut into sections; use 1")
    val_share, test_share = (0.0 if "val" in files else val_fraction), (0.0 if "test" in files else test_fraction)
    whole, in_bytes = files["train"].text, source.encoding is None and sections > 1
    in_words = isinstance(kind, Limits)
    parts = _cut(
        Bytes.split(whole) if in_bytes else whole, sections, val_share, test_share, "val" not in files, in_words
    )
    if in_bytes:  # sections of as many bytes, where one may end within a character
        parts = {split: list(map(Bytes.joined, every)) for split, every in parts.items()}
    made = SplitText(parts | {split: [files[split].text] for split in NAMED if split in files}, kind)
    for split in NAMED:
        if made.tokens[split].shape[1] < 2 and (split != "test" or split in files or test_share):
            _refuse_short(split, split in files, files.get(split, files["train"]).source, made.vocab.unit)
        unknown, vocab = made.vocab.unknown("".join(made.parts[split])), made.vocab
        path, total = files.get(split, files["train"]).source, made.tokens[split].numel()
        splits.tell_unknown(path, split, unknown, total, (vocab.unit, vocab.lacking))
    return made


def _cut(
    text: str, sections: int, val_fraction: float, test_fraction: float, validates: bool, in_words: bool
) -> dict[Split, list[str]]:
    """The text cut into sections of equal length, each into train, validation and test in this order.

    `validates`: the validation is cut from the text, too. `in_words`: no word is cut in two.
    """
    size = len(text) // sections
    cut = [text[i * size : (i + 1) * size] for i in range(sections)]
    train, val = round(size * (1 - test_fraction - val_fraction)), round(size * (1 - test_fraction))
    if train < 1 or val - train < 2 * validates:
        what = f"a text of {len(text):,} characters" + (f", in {sections} sections," if sections > 1 else "")
        problem = f"{what} leaves too little to train on or validate with; use a longer text, or change"
        problem = f"{problem} `task.val_fraction` or `task.test_fraction`"
        raise ConfigError("task.val_fraction", problem, ("task.test_fraction", "task.sections", "task.text"))
    if in_words:
        train, val = (_word_end(text, place) for place in (train, val))
    return {
        "train": [section[:train] for section in cut],
        "val": [section[train:val] for section in cut],
        "test": [section[val:] for section in cut],
    }


def _word_end(text: str, place: int) -> int:
    """The end of the word that a cut at a place would split; the place itself if the cut splits none."""
    while 0 < place < len(text) and not text[place - 1].isspace() and not text[place].isspace():
        place += 1
    return place


def _refuse_short(split: Split, own: bool, path: str, unit: str) -> None:
    """Refuses a part in which there is nothing to predict; a test that is cut from the text is told instead.

    `own`: the part has a file of its own.
    """
    nothing = f"has fewer than two {unit}, so there is nothing to predict"
    if own:
        raise ConfigError(f"task.{split}_text", f"`{path}` {nothing}", ("task.text",))
    if split == "val":
        problem = f"the validation part of `{path}` {nothing}; raise it, or use a longer text"
        raise ConfigError("task.val_fraction", problem, ("task.text",))
    tell_once(f"the test part of `{path}` {nothing}: there is no test; raise task.test_fraction")
