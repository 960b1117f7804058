"""What runs were evaluated on: losses on other data, or of other symbols, do not rank settings."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.record import evaluated_on
from rnnsweep.record.data_sets import DataSet, differ
from rnnsweep.report import data_sets

SAID = "evaluated on different data or symbols"


def on(frame: pd.DataFrame) -> NDArray[Any]:
    """What each run was evaluated on, as `evaluated_on` says.

    Args:
        frame: The runs, as `collect` returns them.
    """
    declared = frame.get("declared", pd.Series(index=frame.index, dtype=object))
    declared = declared.where(declared.notna(), None)
    known = zip(data_sets.of(frame), declared, strict=True)
    return np.array([evaluated_on(*each) for each in known], object)


def alike(ours: Iterable[DataSet], theirs: Iterable[DataSet]) -> bool:
    """Whether matched runs were evaluated on the same, as far as it is known."""
    return not any(differ(pair) for pair in zip(ours, theirs, strict=True))
