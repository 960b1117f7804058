"""Labelled texts: a folder of one file a class, or a table of text and label; and their splits."""

import csv
import dataclasses
import functools
import hashlib
import io
from pathlib import Path
from typing import Literal

import torch

from rnnsweep import rng
from rnnsweep.errors import ConfigError
from rnnsweep.types import Split


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Texts with their labels, and the SHA-256 of the files that they were read from."""

    pairs: tuple[tuple[str, str], ...]
    sha256: str

    @functools.cached_property
    def classes(self) -> list[str]:
        return sorted({label for _, label in self.pairs})


@functools.lru_cache(maxsize=4)
def load(path: str) -> Labelled:
    """A folder with a UTF-8 text file for each class, a text a line; or a CSV file with the columns text and label.

    Raises:
        ConfigError: names `task.path` when something is missing, empty, not text, or a class has fewer than two texts.
    """
    where = Path(path).expanduser()
    if not where.exists():
        raise ConfigError("task.path", f"there is no file or folder `{path}`")
    files = sorted(where.glob("*.txt")) if where.is_dir() else [where]
    if not files:
        raise ConfigError("task.path", f"the folder `{path}` holds no .txt files; expected one a class")
    texts = {file: _read(file) for file in files}
    digest = hashlib.sha256()
    for file, text in texts.items():
        digest.update(f"{file.name}\0{text}\0".encode())
    pairs = _folder(texts) if where.is_dir() else _table(path, texts[where])
    return Labelled(tuple(pairs), digest.hexdigest())


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("task.path", f"`{file}` is not UTF-8 (byte {error.start}); convert it first") from None
    except OSError as error:
        raise ConfigError("task.path", f"cannot read `{file}`: {error.strerror}") from None


def _folder(texts: dict[Path, str]) -> list[tuple[str, str]]:
    pairs = []
    for file, text in texts.items():
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines:
            raise ConfigError("task.path", f"the class `{file.stem}` is empty: `{file}` holds no text")
        pairs += [(line, file.stem) for line in lines]
    return _counted(pairs)


def _table(path: str, text: str) -> list[tuple[str, str]]:
    reader = csv.DictReader(io.StringIO(text))
    columns = reader.fieldnames or []
    for column in ("text", "label"):
        if column not in columns:
            had = ", ".join(map(repr, columns)) or "nothing"
            raise ConfigError("task.path", f"`{path}` has no column `{column}`; its first line names {had}")
    pairs = []
    for row in reader:
        if not (row["text"] or "").strip() or not (row["label"] or "").strip():
            raise ConfigError("task.path", f"line {reader.line_num} of `{path}` lacks a text or a label")
        pairs.append((row["text"].strip(), row["label"].strip()))
    if not pairs:
        raise ConfigError("task.path", f"`{path}` has no rows")
    return _counted(pairs)


def _counted(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    distinct = {label: {text for text, other in pairs if other == label} for label in {label for _, label in pairs}}
    for label, texts in sorted(distinct.items()):
        if len(texts) < 2:
            problem = f"the class `{label}` has one text only; it cannot be trained on and tested"
            raise ConfigError("task.path", f"{problem}: give it more, or leave the class out")
    if len(distinct) < 2:
        raise ConfigError("task.path", f"there is one class only, `{next(iter(distinct))}`; expected at least two")
    return pairs


Together = Literal["texts", "lines"]


def split(
    pairs: list[tuple[str, str]], val_fraction: float, test_fraction: float, seed: int, by: Together = "texts"
) -> dict[Split, list[tuple[str, str]]]:
    """The pairs in three parts: by different texts, so that none occurs in two of them, or by lines.

    Raises:
        ConfigError: too little is left to train on or validate with.
    """
    keys = [text if by == "texts" else line for line, (text, _) in enumerate(pairs)]
    every: list[str | int] = sorted(set(keys))
    order = torch.randperm(len(every), generator=rng.generator(seed, "split")).tolist()
    val, test = round(len(every) * val_fraction), round(len(every) * test_fraction)
    if val < 1 or len(every) - val - test < 1:
        problem = f"{len(every)} different {by} leave too little to train on or validate with; use other fractions"
        raise ConfigError("task.val_fraction", problem, ("task.test_fraction",))
    place: dict[str | int, Split] = {}
    for rank, index in enumerate(order):
        place[every[index]] = "val" if rank < val else "test" if rank < val + test else "train"
    parts: dict[Split, list[tuple[str, str]]] = {"train": [], "val": [], "test": []}
    for key, pair in zip(keys, pairs, strict=True):
        parts[place[key]].append(pair)
    return parts
