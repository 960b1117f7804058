"""What a loss is of: losses on other data, or of other symbols, do not rank settings."""

from collections.abc import Mapping
from typing import Any

DIGITS = 6
"""Significant digits of a chance level; more may differ between machines."""


def evaluated_on(data: str | None, declared: Mapping[str, Any] | None) -> str | None:
    """A text that is equal for two runs of one seed if they were evaluated on the same; None if that is not known.

    It is made of the hash of the data and of the loss that the best constant answer reaches. That loss follows from the
    training part and its symbols, so it differs with another vocabulary or another share of training.

    Args:
        data: the hash of the run's data.
        declared: the declaration of each metric by its name, as a task or a record has them.
    """
    if not data:
        return None
    loss = (declared or {}).get("loss")
    chance = None if loss is None else loss.chance
    return f"{data} {'' if chance is None else format(chance, f'.{DIGITS}g')}"
