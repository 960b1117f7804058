"""The words that every module shares.

Axis legend, for the shape annotations and the shape comments:

    member      the runs of a stack, trained as one program
    batch       the sequences of a mini-batch
    *batch      the same; in a stack, those of each member: the member axis leads (kernels/members.py)
    *member     nothing for one model; in a stack the member axis
    time        the steps of a sequence
    in          features that enter a cell
    hidden      features that leave a cell
    vocab       symbols of a vocabulary
    classes     labels of a classification
    parameter   all parameters of one model, laid end to end
"""

import dataclasses
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BeforeValidator
from torch import Tensor

State = tuple[Tensor, ...]
"""The state of a cell between two calls; each leaf is (batch, ...). Empty: start from the beginning."""

Batch = dict[str, Tensor]
"""One mini-batch by name; each entry is (batch, ...)."""

Metrics = dict[str, tuple[Tensor, Tensor]]
"""Name -> (sum, count), so that a mean over batches of unequal size is exact."""

BOOKKEEPING = ("lr", "grad_norm", "clipped", "tokens_per_second", "seconds_per_epoch", "epoch")
"""What a train row holds beside the task's metrics."""

Split = Literal["train", "val", "test"]

HELD_OUT: tuple[Split, ...] = ("val", "test")
"""The splits that are not trained on."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """The declaration of a metric: search, pruning and report read it and nothing else."""

    name: str
    """As in the rows, without the split: `accuracy`."""
    unit: str
    direction: Literal["min", "max"] | None
    """Which way is better; None: a reference value, by which nothing is compared."""
    chance: float | None = None
    """What the best constant answer reaches; None: not known."""


GENERAL = (Metric("loss", "", "min"), Metric("parameters", "", "min"), Metric("seconds", "s", "min"))
"""What every run has, whatever its task declares; a task may declare its loss anew, with its unit."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a trained model can show a person: `data` goes into the record, `page` is Markdown (or empty).

    `metrics` are numbers that only the finished model has; they stand in the record beside the test's.
    """

    data: dict[str, Any]
    page: str = ""
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Marker:
    """Says in a constructor's annotation what a setting means for the identity of a run."""

    meaning: str


PER_MEMBER = Marker("may differ between the members of a stack")
EXECUTION = Marker("changes how a run is executed, not what it computes")

LATER = Marker("came after runs existed: at its default it is no part of a run's identity")
"""On every setting that is added from now on, so that runs that exist keep their names."""

MADE_UP = Marker("read only where the data are made up")
FROM_FILES = Marker("read only where the data come from files that `path` or `text` names")

PROGRAM_AT_ZERO = Marker("zero is another program, not another number")
PROGRAM_AT_ONE = Marker("one is another program, not another number")

# The ranges that constructors use: the annotation of a parameter is its validation.
Count = Annotated[int, Ge(1)]
Natural = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Rate = Annotated[float, Ge(0), Lt(1)]
DropoutRate = Annotated[float, Ge(0), Lt(1), PER_MEMBER, PROGRAM_AT_ZERO]
Deviation = Annotated[float, Ge(0), PER_MEMBER, PROGRAM_AT_ZERO]
ForcingRatio = Annotated[float, Ge(0), Le(1), PER_MEMBER, PROGRAM_AT_ONE]
Share = Annotated[float, Ge(0), Le(1)]

Name = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) in (int, float) else value)]
"""A name from the user's data, such as a column's; it may be typed as a number: `2020` is `'2020'`."""
