"""Labelled texts: a folder of one file a class, or a table of text and label; and their splits."""

import collections
import dataclasses
import functools
import hashlib
import unicodedata
from pathlib import Path
from typing import Literal

import torch

from rnnsweep import rng
from rnnsweep.data import splits
from rnnsweep.data.gaps import tell_filled
from rnnsweep.data.tables import parse
from rnnsweep.data.user_files import File, entries, kept, line_ends, read
from rnnsweep.errors import ConfigError, listed, tell_once
from rnnsweep.types import Split

Missing = Literal["refuse", "drop"]


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Texts with their labels, and the SHA-256 of the files that they were read from."""

    pairs: tuple[tuple[str, str], ...]
    sha256: str

    @functools.cached_property
    def classes(self) -> list[str]:
        return sorted({label for _, label in self.pairs})


@kept(12)
def load(
    path: str, encoding: str = "utf-8", missing: Missing = "refuse", key: str = "task.path", trained: bool = True
) -> Labelled:
    """A folder with a text file for each class, a text a line; or a table with the columns text and label.

    Hidden files of a folder, such as `._French.txt` from a Mac, are no classes. Names of classes are composed (NFC).

    Args:
        path: the folder or the table.
        encoding: of the files.
        missing: what to do with a row that lacks its text or its label.
        key: the setting that names the path, for errors.
        trained: whether these are texts to train on: then there are two classes at least, with two texts each.

    Raises:
        ConfigError: something is missing, empty, not text, or a class has fewer than two texts.
    """
    folder = entries(path, key)
    classes = [Path(path)] if folder is None else [file for file in folder if file.suffix.lower() == ".txt"]
    if not classes:
        hint = "expected one a class, or `train`, `valid` and `test` as folders or CSV files"
        raise ConfigError(key, f"the folder `{path}` holds no .txt files; {hint}")
    said = [splits.said(place.name) for place in classes]
    if folder is not None and None not in said and "train" in said and len(said) > 1:
        problem = f"the folder `{path}` holds {listed(place.name for place in classes)}, which would be its classes"
        raise ConfigError(key, f"{problem}; parts are CSV files or folders of classes: call them `train.csv`, …")
    files = {place: read(place, key, "file or folder") for place in classes}
    texts = {place: file.text(encoding) for place, file in files.items()}
    digest = hashlib.sha256()
    for place, text in texts.items():
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        digest.update(f"{place.name}\0{lines}\0".encode(errors="surrogateescape"))
    pairs = _table(files[classes[0]], encoding, missing) if folder is None else _folder(texts, key)
    return Labelled(tuple(_counted(pairs, key) if trained else pairs), digest.hexdigest())


def _folder(texts: dict[Path, str], key: str) -> list[tuple[str, str]]:
    pairs = []
    for file, text in texts.items():
        name = file.stem.encode(errors="surrogateescape").decode(errors="backslashreplace")  # it may not be UTF-8
        label = unicodedata.normalize("NFC", name)
        lines = [line.strip() for line in line_ends(text).split("\n") if line.strip()]
        if not lines:
            raise ConfigError(key, f"the class `{label}` is empty: `{file}` holds no text")
        pairs += [(line, label) for line in lines]
    return pairs


def _table(file: File, encoding: str, missing: Missing) -> list[tuple[str, str]]:
    table = parse(file, encoding)
    texts, labels = table.column("text", file.key), table.column("label", file.key)
    if unread := [name for name in table.names if name not in ("", "text", "label")]:
        tell_once(f"`{file.path}`: of its columns `text` and `label` are read, and not {listed(unread, 5)}")
    absent = texts.index[(texts == "") | (labels == "")]
    if len(texts) == (len(absent) if missing == "drop" else 0):
        raise file.wrong(f"`{file.path}` has no rows" + " with a text and a label" * (len(texts) > 0))
    if len(absent) and missing == "refuse":
        problem = f"{file.line(int(absent[0]))} lacks a text or a label (in all {len(absent):,} of {len(texts):,} rows)"
        raise file.wrong(f"{problem}; `task.missing=drop` leaves such rows out")
    if len(absent):
        tell_filled(file.path, len(absent), len(texts), "drop", "a text or a label")
    composed = (unicodedata.normalize("NFC", label) for label in labels.drop(absent))
    return list(zip(texts.drop(absent), composed, strict=True))


def _counted(pairs: list[tuple[str, str]], key: str) -> list[tuple[str, str]]:
    distinct = collections.defaultdict[str, set[str]](set)
    for text, label in pairs:
        distinct[label].add(text)
    for label, texts in sorted(distinct.items()):
        if len(texts) < 2:
            problem = f"the class `{label}` has one text only; it cannot be trained on and tested"
            raise ConfigError(key, f"{problem}: give it more, or leave the class out")
    if len(distinct) < 2:
        raise ConfigError(key, f"there is one class only, `{next(iter(distinct))}`; expected at least two")
    return pairs


Together = Literal["texts", "lines"]


def split(
    pairs: list[tuple[str, str]],
    val_fraction: float,
    test_fraction: float,
    seed: int,
    by: Together = "texts",
    validates: bool = True,
) -> dict[Split, list[tuple[str, str]]]:
    """The pairs in three parts: by different texts, so that none occurs in two of them, or by lines.

    Args:
        pairs: texts with their classes.
        val_fraction: share of the pairs for validation.
        test_fraction: share of the pairs for the test.
        seed: of the order in which they are dealt out.
        by: what is dealt out.
        validates: whether the validation is one of the parts.

    Raises:
        ConfigError: too little is left to train on or validate with.
    """
    keys = [text if by == "texts" else line for line, (text, _) in enumerate(pairs)]
    every: list[str | int] = sorted(set(keys))
    order = torch.randperm(len(every), generator=rng.generator(seed, "split")).tolist()
    val, test = round(len(every) * val_fraction), round(len(every) * test_fraction)
    if val < validates or len(every) - val - test < 1:
        problem = f"{len(every)} different {by} leave too little to train on or validate with"
        problem = f"{problem}; use other fractions, or more {by}"
        raise ConfigError("task.val_fraction", problem, ("task.test_fraction", "task.examples", "task.path"))
    place: dict[str | int, Split] = {}
    for rank, index in enumerate(order):
        place[every[index]] = "val" if rank < val else "test" if rank < val + test else "train"
    parts: dict[Split, list[tuple[str, str]]] = {"train": [], "val": [], "test": []}
    for key, pair in zip(keys, pairs, strict=True):
        parts[place[key]].append(pair)
    return parts


def parts(
    given: dict[Split, list[tuple[str, str]]], val_fraction: float, test_fraction: float, seed: int, by: Together
) -> dict[Split, list[tuple[str, str]]]:
    """The pairs of each part. The training pairs are always given; a part that is not given is taken from them.

    A message tells how many texts of a given part are also trained on.
    """
    own = {part: pairs for part, pairs in given.items() if part != "train"}
    shares = (0.0 if "val" in own else val_fraction), (0.0 if "test" in own else test_fraction)
    made = split(given["train"], *shares, seed, by, "val" not in own)
    known = {text for text, _ in made["train"]}
    for part, pairs in own.items():
        if seen := sum(text in known for text, _ in pairs):
            tell_once(splits.trained_on(seen, len(pairs), f"texts of the {part} part"))
    return made | own
