"""What runs were evaluated on: losses on other data, or of other symbols, do not rank settings."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DIGITS = 6
"""Significant digits of a chance level; more may differ between machines."""

SAID = "evaluated on different data or symbols"


def on(frame: pd.DataFrame) -> NDArray[Any]:
    """A text for each run, equal for runs of one seed that were evaluated on the same; empty if it is not known.

    It is made of the hash of the data and of the loss that the best constant answer reaches. That follows from the
    training part and its symbols: with another vocabulary or another share of training it is another one.

    Args:
        frame: The runs, as `collect` returns them.
    """
    nothing = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    hashes, declared = frame.get("env:data", nothing), frame.get("declared", nothing)
    return np.array([_text(*each) for each in zip(hashes, declared, strict=True)], object)


def _text(data: Any, declared: Any) -> str:
    loss = declared.get("loss") if isinstance(declared, dict) else None
    chance = getattr(loss, "chance", None)
    known = isinstance(data, str)
    return "" if not known else f"{data} {'' if chance is None else format(chance, f'.{DIGITS}g')}"


def alike(ours: "pd.Series[Any]", theirs: "pd.Series[Any]") -> bool:
    """Whether matched runs were evaluated on the same, as far as it is known."""
    known = (ours != "") & (theirs != "")
    return bool((ours[known] == theirs[known]).all())


def all_alike(texts: NDArray[Any], seeds: NDArray[Any]) -> bool:
    """Whether all runs of each seed were evaluated on the same, as far as it is known."""
    known = pd.Series(texts)[texts != ""]
    return bool(known.groupby(seeds[texts != ""]).nunique().le(1).all())
