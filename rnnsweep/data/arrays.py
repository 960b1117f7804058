"""Arrays from .npz files."""

import contextlib
import io
import zipfile
from collections.abc import Iterator

import numpy as np
from numpy.lib.npyio import NpzFile

from rnnsweep.data.user_files import File


@contextlib.contextmanager
def opened(file: File, hint: str) -> Iterator[NpzFile]:
    """The arrays of a file, by name; each is read when it is asked for.

    Args:
        file: an .npz file.
        hint: how such a file is written, for errors.

    Raises:
        ConfigError: it is no .npz file, or an array holds Python objects.
    """
    try:
        arrays = np.load(io.BytesIO(file.content), allow_pickle=False)
        if not isinstance(arrays, NpzFile):
            raise ValueError("one array, as numpy.save writes it")
        with arrays:
            yield arrays
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile):
        raise file.wrong(f"`{file.path}` is no .npz file of plain arrays; {hint}") from None
