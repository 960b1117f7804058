"""The training, validation and test parts of data that come in files of their own."""

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rnnsweep.data.user_files import entries
from rnnsweep.errors import ConfigError, listed, tell_once
from rnnsweep.types import Split

WORDS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("valid", "val", "dev", "validation"),
    "test": ("test",),
}
"""The words in a file's name that tell its part: `train.txt`, `ptb.valid.txt`, `GunPoint_TRAIN.ts`."""


NAMED: dict[Split, str] = {"val": "validation", "test": "test"}
"""What a message calls the parts that are not trained on."""


def in_folder(path: str, key: str, suffixes: tuple[str, ...] | None = None) -> dict[Split, str]:
    """The parts in a folder, by their names; empty if the path is no folder, or no name stands for a part.

    Args:
        path: a folder, or any other path.
        key: the setting that names it.
        suffixes: the endings of files that count, as in `.csv`; "" is a folder. None: all files.

    Raises:
        ConfigError: two names say the same part, or none says `train`.
    """
    found: dict[Split, list[Path]] = {split: [] for split in WORDS}
    for entry in entries(path, key) or ():
        split = said(entry.name)
        counts = entry.is_file() if suffixes is None else entry.suffix.lower() * entry.is_file() in suffixes
        if split is not None and counts:
            found[split].append(entry)
    for split, places in found.items():
        if len(places) > 1:
            problem = f"the folder `{path}` has {len(places)} files for {split}: {listed(p.name for p in places)}"
            raise ConfigError(key, f"{problem}; leave one, or name each file by its own setting")
    parts = {split: str(places[0]) for split, places in found.items() if places}
    if parts and "train" not in parts:
        problem = f"the folder `{path}` has {listed(Path(p).name for p in parts.values())}, but no training part"
        raise ConfigError(key, f"{problem}; call it `train`, with any ending")
    return parts


def places(given: dict[Split, str | None], inside: dict[Split, str], noun: str) -> dict[Split, tuple[str, str]]:
    """The path of each part that has one, and the setting that it comes from.

    Args:
        given: what the settings of the parts hold.
        inside: what `in_folder` found in the training part's path.
        noun: the end of the settings' names: `path` for `task.path`, `task.val_path` and `task.test_path`.

    Raises:
        ConfigError: a part is in the folder and has a setting of its own, too.
    """
    found: dict[Split, tuple[str, str]] = {}
    for split, path in given.items():
        key = f"task.{noun}" if split == "train" else f"task.{split}_{noun}"
        if split in inside:
            if split != "train" and path is not None:
                raise ConfigError(key, f"the folder `{given['train']}` has a {split} part already; give it once")
            found[split] = inside[split], f"task.{noun}"
        elif path is not None:
            found[split] = path, key
    return found


def tell_same(parts: dict[Split, tuple[str, object]]) -> None:
    """Says where two parts have one content: a test on what was trained on, or chosen by, is no test.

    Args:
        parts: of each part its path, and its content or a hash of it.
    """
    for other, split in itertools.combinations(parts, 2):
        (path, content), (known, same) = parts[split], parts[other]
        if content == same:
            told = "by which the weights are chosen" if other == "val" else "which is trained on"
            tell_once(f"`{path}`, the {split} part, has the content of `{known}`, the {other} part, {told}")


def tell_without(path: str | None, classes: Iterable[str], parts: dict[Split, Iterable[str]], noun: str) -> None:
    """Says which classes a part has none of: its accuracies say nothing of them, and no model learns them.

    Args:
        path: of the file.
        classes: all of them.
        parts: the classes of the examples of each part. A part without examples is wanted so.
        noun: what an example is.
    """
    every = set(classes)
    for split, found in parts.items():
        known = set(found)
        if known and (lacking := sorted(every - known)):
            what = "no model can name them" if split == "train" else "its metrics say nothing of them"
            tell_once(f"`{path}`: no {noun} of {listed(lacking, 5)} came into the {split} part: {what}")


def tell_unknown(path: str | None, split: Split, unknown: Counter[str], total: int, what: tuple[str, str]) -> None:
    """Says which symbols of a part the vocabulary of the training part lacks, and their share.

    Args:
        path: of the file.
        split: the part, one of NAMED.
        unknown: how often each of these symbols occurs.
        total: symbols of the part.
        what: a symbol is, in the plural, and what is said of the unknown ones.
    """
    if unknown:
        percent, (unit, lacking) = 100 * unknown.total() / total, what
        share = f"{percent:.0f}%" if percent > 10 else f"{percent:.2g}%"
        problem = f"{share} of the {unit} in the {NAMED[split]} part {lacking} ({listed(sorted(unknown), 5)})"
        tell_once(f"`{path}`: {problem}; all of them are read as one unknown symbol")


def trained_on(seen: int, total: int, what: str) -> str:
    """A sentence: so many of the examples of a part are examples of the training part, too."""
    return f"{seen:,} of the {total:,} {what} {'is' if seen == 1 else 'are'} trained on, too"


def joint_sha256(hashes: dict[Split, str]) -> str:
    """The SHA-256 of the parts' files: that of the file, where there is one; else that of all hashes."""
    ordered = {split: hashes[split] for split in sorted(hashes)}
    return hashes["train"] if len(hashes) == 1 else hashlib.sha256(repr(ordered).encode()).hexdigest()


def said(name: str) -> Split | None:
    """The part that a file's name stands for; None where it stands for none."""
    words = re.split(r"[._\-]", name.lower())
    return next((split for split, names in WORDS.items() if any(word in names for word in words)), None)
