"""What a loss is of: losses on other data, or of other symbols, do not rank settings."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from rnnsweep.record.data_sets import DataSet

DIGITS = 6
"""Significant digits of a chance level; more may differ between machines."""


def evaluated_on(data: DataSet, declared: Mapping[str, Any] | None) -> DataSet:
    """What a run was evaluated on: its data, with a text in place of their hash. `differ` compares them.

    The text is made of the hash and of the loss that the best constant answer reaches. That loss follows from the
    training part and its symbols, so it differs with another vocabulary or another share of training.

    Args:
        data: the data of the run.
        declared: the declaration of each metric by its name, as a task or a record has them.
    """
    if not data.content:
        return dataclasses.replace(data, content=None)
    loss = (declared or {}).get("loss")
    chance = None if loss is None else loss.chance
    text = f"{data.content} {'' if chance is None else format(chance, f'.{DIGITS}g')}"
    return dataclasses.replace(data, content=text)
