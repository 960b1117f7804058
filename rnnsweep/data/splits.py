"""The training, validation and test parts of data that come in files of their own."""

import re
from pathlib import Path

from rnnsweep.data.files import entries
from rnnsweep.errors import ConfigError, listed
from rnnsweep.types import Split

WORDS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("valid", "val", "dev", "validation"),
    "test": ("test",),
}
"""What a name says of a part: `train.txt`, `ptb.valid.txt`, `wiki.test.tokens`, `GunPoint_TRAIN.ts`."""


def in_folder(path: str, key: str, suffixes: tuple[str, ...] | None = None) -> dict[Split, str]:
    """The parts in a folder, by their names; empty where the path is no folder, or no name says a part.

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


def said(name: str) -> Split | None:
    """The part that a name says; None where it says none."""
    words = re.split(r"[._\-]", name.lower())
    return next((split for split, names in WORDS.items() if any(word in names for word in words)), None)
