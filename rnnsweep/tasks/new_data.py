"""New examples for a trained model, as batches. A wrong example is refused by its number."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rnnsweep.errors import ConfigError, listed, tell_once
from rnnsweep.types import Batch

KEY = "the new data"

_FIRST = ContextVar("first", default=0)
"""The number of the first of the examples that a task is given."""


@contextmanager
def numbered_from(first: int) -> Iterator[None]:
    """A block in which a task is given a part of a user's examples.

    Args:
        first: the place of its first one among all of them.
    """
    before = _FIRST.set(first)
    try:
        yield
    finally:
        _FIRST.reset(before)


def named(number: int) -> str:
    """What a message calls an example: its number among all that the user gave.

    Args:
        number: its number among those that the task is given.
    """
    return f"example {_FIRST.get() + number}"


Scale = tuple[float | np.ndarray, float | np.ndarray]
"""A mean and a standard deviation: numbers, or one of each for each feature."""


def tell_unknown(unknown: Iterable[Iterable[str]]) -> None:
    """Says which symbols the model does not know; `unknown` gives those of each example."""
    for number, names in enumerate(map(sorted, unknown)):
        if names:
            problem = f"{named(number)} holds {listed(names, 5)}, which the model does not know"
            tell_once(f"{KEY}: {problem}; they count as one, the unknown symbol")


def texts(examples: Iterable[Any]) -> list[str]:
    """The examples, checked to be texts.

    Raises:
        ConfigError: one is no text.
    """
    found = list(examples)
    for number, example in enumerate(found):
        if not isinstance(example, str):
            raise ConfigError(KEY, f"{named(number)} is {_shown(example)}; expected a text")
    return found


def symbols(examples: Iterable[Any], count: int) -> Batch:
    """Sequences of the whole numbers 0 to `count` - 1, padded with 0: `inputs` (batch, time) and `lengths` (batch,).

    Raises:
        ConfigError: one is no such sequence, or has no step.
    """
    return _padded([_symbols(example, number, count) for number, example in enumerate(examples)])


def numbers(examples: Iterable[Any], features: int, scale: Scale = (0.0, 1.0)) -> Batch:
    """Sequences of numbers, scaled, padded with 0: `inputs` (batch, time, features) and `lengths` (batch,).

    Args:
        examples: each (time, features), or (time,) where there is one feature.
        features: numbers of one step.
        scale: what is taken from each feature, and what it is then divided by.

    Raises:
        ConfigError: one has another shape, no step, or a number that is not finite.
    """
    return _padded([_numbers(example, number, features, scale) for number, example in enumerate(examples)])


def windows(examples: Iterable[Any], features: int, scale: Scale, length: int) -> Batch:
    """Windows of numbers, as `numbers` makes them. Says where they are not as long as those of the training."""
    batch = numbers(examples, features, scale)
    if other := sorted({*batch["lengths"].tolist()} - {length}):
        tell_once(f"{KEY}: windows of {listed(other, 3)} steps; the model was trained on windows of {length}")
    return batch


def _symbols(example: Any, number: int, count: int) -> Tensor:
    values = _array(example, number)
    wrong = values.ndim != 1 or not len(values) or values.dtype.kind not in "iub"
    if wrong or int(values.min()) < 0 or int(values.max()) >= count:
        problem = f"{named(number)} is {_shown(example)}"
        raise ConfigError(KEY, f"{problem}; expected a sequence of whole numbers from 0 to {count - 1}")
    return torch.from_numpy(values.astype(np.int64))


def _numbers(example: Any, number: int, features: int, scale: Scale) -> Tensor:
    values = _array(example, number)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != features or not len(values) or values.dtype.kind not in "iubf":
        problem = f"{named(number)} is {_shown(example)}"
        raise ConfigError(KEY, f"{problem}; expected numbers (time, {features}), one step at least")
    if not np.isfinite(values).all():
        raise ConfigError(KEY, f"{named(number)} holds a number that is not finite")
    mean, deviation = scale
    return torch.from_numpy(((values - mean) / deviation).astype(np.float32))


def _array(example: Any, number: int) -> np.ndarray:
    try:
        return np.asarray(example.detach().cpu() if isinstance(example, Tensor) else example)
    except ValueError:
        raise ConfigError(KEY, f"the steps of {named(number)} have different widths") from None


def _padded(sequences: Sequence[Tensor]) -> Batch:
    if not sequences:
        raise ConfigError(KEY, "expected a list of examples, got none")
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return {"inputs": pad_sequence(list(sequences), batch_first=True), "lengths": lengths}


def _shown(example: Any) -> str:
    shape = getattr(example, "shape", None)
    return f"an array of the shape {tuple(shape)}" if shape is not None else repr(example)[:60]
