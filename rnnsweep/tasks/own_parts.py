"""Parts of the data that have files of their own: no share of the training data is taken for them."""

from collections.abc import Container

from rnnsweep.errors import tell_once
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import HELD_OUT, Split


def tell_idle_shares(task: AbstractTask, own: Container[Split]) -> None:
    """Says which of `val_fraction` and `test_fraction` are not at their defaults and do nothing.

    Args:
        task: has both settings.
        own: the parts that have a file of their own.
    """
    for split in HELD_OUT:
        name = f"{split}_fraction"
        value = getattr(task, name)
        if split in own and value != getattr(type(task), name):
            tell_once(f"task.{name}={value} does nothing: the {split} part has a file of its own")
