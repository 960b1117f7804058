"""What runs were evaluated on: losses on other data, or of other symbols, do not rank settings."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.record import evaluated_on

SAID = "evaluated on different data or symbols"


def on(frame: pd.DataFrame) -> NDArray[Any]:
    """What `evaluated_on` says of each run; empty if it is not known.

    Args:
        frame: The runs, as `collect` returns them.
    """
    nothing = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    columns = frame.get("env:data", nothing), frame.get("declared", nothing)
    hashes, declared = (column.where(column.notna(), None) for column in columns)
    return np.array([evaluated_on(*each) or "" for each in zip(hashes, declared, strict=True)], object)


def alike(ours: "pd.Series[Any]", theirs: "pd.Series[Any]") -> bool:
    """Whether matched runs were evaluated on the same, as far as it is known."""
    known = (ours != "") & (theirs != "")
    return bool((ours[known] == theirs[known]).all())


def all_alike(texts: NDArray[Any], seeds: NDArray[Any]) -> bool:
    """Whether all runs of each seed were evaluated on the same, as far as it is known."""
    known = pd.Series(texts)[texts != ""]
    return bool(known.groupby(seeds[texts != ""]).nunique().le(1).all())
