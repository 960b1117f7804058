"""The files of labelled texts: one for all, or one for each of training, validation and test."""

import dataclasses
import functools

from rnnsweep.data import labelled, splits
from rnnsweep.data.user_files import entries
from rnnsweep.errors import ConfigError, listed
from rnnsweep.types import Split


@dataclasses.dataclass(frozen=True)
class LabelledSource:
    """Where labelled texts and their parts are read from.

    Args:
        path: a table, or a folder of classes; or a folder of `train`, `valid` and `test`, each a table or a folder.
        val: a table or folder for the validation; None: the one in the folder, or else cut from the training texts.
        test: one for the test, likewise.
        encoding: of the files.
        missing: what to do with a row that lacks its text or its label.
    """

    path: str
    val: str | None
    test: str | None
    encoding: str
    missing: labelled.Missing

    @functools.cached_property
    def files(self) -> dict[Split, labelled.Labelled]:
        """The texts of each part that has a file of its own.

        Raises:
            ConfigError: a file cannot be used, a part is given twice, or has a class that the training texts lack.
        """
        classes = any(file.suffix.lower() == ".txt" for file in entries(self.path, "task.path") or ())
        inside = {} if classes else splits.in_folder(self.path, "task.path", ("", ".csv", ".tsv"))
        given: dict[Split, str | None] = {"train": self.path, "val": self.val, "test": self.test}
        found: dict[Split, labelled.Labelled] = {}
        places = splits.places(given, inside, "path")
        for split, (path, key) in places.items():
            found[split] = labelled.load(path, self.encoding, self.missing, key, split == "train")
            if new := set(found[split].classes) - set(found["train"].classes):
                raise ConfigError(key, f"`{path}` has classes that the training texts lack: {listed(sorted(new))}")
        splits.tell_same({split: (places[split][0], found[split].pairs) for split in found})
        return found

    @property
    def sha256(self) -> str:
        """Of the one file or folder; of several, of all their hashes."""
        return splits.joint_sha256({split: texts.sha256 for split, texts in self.files.items()})
