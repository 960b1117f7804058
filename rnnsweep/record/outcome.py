"""record.json: the outcome of a run."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from rnnsweep import files, shapes
from rnnsweep.record.text import finite, json_text
from rnnsweep.shapes import Json

Status = Literal["complete", "diverged", "failed", "pruned"]
Number = bool | int | float | None
"""A metric; None where it is not finite."""


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What a task says of one of its metrics."""

    unit: str
    direction: Literal["min", "max"] | None
    """Which way is better; None: a reference value, by which nothing is compared."""
    chance: float | None = None
    """What the best constant answer reaches; None: not known."""


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """The outcome of a run, as record.json holds it."""

    run: str
    status: Status
    metrics: dict[str, Number]
    """The last values, as in `val/loss`; None where a number is not finite."""
    best: dict[str, Number]
    """`step` of the lowest validation loss, the validation metrics there, and the test metrics of those weights.

    `train/loss` is the loss of those weights on a slice of the training part, without dropout.
    """
    parameters: int
    seconds: float
    """Wall time of training and validation, over all sessions of the run."""
    steps: int
    config: Json
    environment: Json
    summary: Annotated[Json, Field(validation_alias=AliasChoices("summary", "showcase"))] = dataclasses.field(
        default_factory=dict
    )
    """What the trained model shows; see `types.Summary`. Earlier versions wrote it as `showcase`."""
    error: str | None = None
    metric: Json = dataclasses.field(default_factory=dict)
    """What the task is judged by: name, unit and direction (min or max); empty where the run failed."""
    declared: dict[str, Declaration] = dataclasses.field(default_factory=dict)
    """Each metric by its name without the split; empty where the run failed. Earlier versions did not write it."""
    share_seconds: float | None = None
    """Its share of the seconds, beside the runs that trained with it. None: an earlier version did not count it."""
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    """Bytes of metrics.jsonl and best.pt when the run ended. Earlier versions did not write it."""


def read(path: Path) -> RunRecord | None:
    """The record in a file; None where there is none. A damaged one counts as none, which is said once."""
    return files.read(path, RunRecord, _is_sound)


def written(record: RunRecord) -> str:
    """The text of record.json.

    Raises:
        TypeError: the record holds what its file cannot, such as a metric that is a text.
    """
    text = json_text(finite(dataclasses.asdict(record)))
    if files.parsed(text.encode(errors="replace"), RunRecord, _is_sound) is None:  # it would count as damaged
        raise TypeError(f"the outcome of {record.run} holds what a record cannot, such as a metric that is a text")
    return text


def _is_sound(record: RunRecord) -> bool:
    return shapes.holds(record.config, shapes.CONFIG) and shapes.holds(record.environment, shapes.ENVIRONMENT)
