"""The summary in a run's record: samples, predictions and the like. An item of a wrong shape is left out."""

import functools
import math
from pathlib import Path
from typing import Annotated, Any, Required

from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # typing's own is known to pydantic from Python 3.12 on

from rnnsweep.errors import tell_once
from rnnsweep.record import Json, RunStore

MaybeNumber = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A number. JSON has null for a number that is not finite."""


def _even(rows: list[list[float]]) -> list[list[float]]:
    if len({len(row) for row in rows}) != 1:
        raise ValueError("rows have different lengths")
    return rows


Matrix = Annotated[list[list[MaybeNumber]], AfterValidator(_even)]


class ConfusionMatrix(TypedDict):
    """Counts by true class (rows) and predicted class (columns)."""

    labels: list[Any]
    counts: Matrix


def _square(item: ConfusionMatrix) -> ConfusionMatrix:
    if not len(item["labels"]) == len(item["counts"]) == len(item["counts"][0]):
        raise ValueError("expected a row and a column for each label")
    return item


class AttentionWeights(TypedDict):
    """Weights by target symbol (rows; the last is the end) and source symbol (columns)."""

    source: str | list[str]
    target: str | list[str]
    weights: Matrix


def _covered(item: AttentionWeights) -> AttentionWeights:
    if (len(item["target"]) + 1, len(item["source"])) != (len(item["weights"]), len(item["weights"][0])):
        raise ValueError("expected a weight for each target symbol, its end, and each source symbol")
    return item


class Predictions(TypedDict, total=False):
    """True values and the model's answers, after training and before it."""

    truth: Required[list[MaybeNumber]]
    answer: Required[list[MaybeNumber]]
    before: list[MaybeNumber]


def _as_many(item: Predictions) -> Predictions:
    if len({len(values) for values in item.values() if isinstance(values, list)}) != 1 or not item["truth"]:
        raise ValueError("expected an answer for each truth")
    return item


class FreeForecast(TypedDict):
    """A series and the model's free-running forecast of it."""

    truth: list[MaybeNumber]
    free: list[MaybeNumber]


class HorizonForecast(TypedDict):
    """A column over its dates, with the model's forecast and simple ones of its last part."""

    name: str
    times: list[str]
    truth: list[MaybeNumber]
    model: list[MaybeNumber]
    simple: dict[str, list[MaybeNumber]]


def _as_long(item: HorizonForecast) -> HorizonForecast:
    lengths = {len(values) for values in item["simple"].values()} | {len(item["model"])}
    if len(lengths) != 1 or not 0 < lengths.pop() <= len(item["truth"]) == len(item["times"]):
        raise ValueError("expected a time for each truth, and forecasts of one length")
    return item


class ContextLoss(TypedDict):
    """The loss of predictions from a context of this length."""

    length: float
    loss: MaybeNumber


class PositionLoss(TypedDict):
    """The mean loss of the positions up to this one, from the last power of two on."""

    to: float
    loss: MaybeNumber


class ContextLosses(TypedDict, total=False):
    """The loss by the length of the context, and by the position after the initial state."""

    by_context: list[ContextLoss]
    by_position: list[PositionLoss]


class GeneratedText(TypedDict, total=False):
    """A text that a language model wrote after a prompt."""

    prompt: str
    text: str
    temperature: MaybeNumber
    top_k: MaybeNumber


class SamplingMeasures(TypedDict, total=False):
    """Diversity and coherence of the texts at one temperature and top-k, as shares."""

    temperature: MaybeNumber
    top_k: MaybeNumber
    distinct_2: MaybeNumber
    known_words: MaybeNumber


class GateStatistics(TypedDict, total=False):
    """The spectral radius of a gate's recurrent matrix, or the shares of its activations below .1 and above .9."""

    layer: Required[int]
    gate: Required[str]
    radius: MaybeNumber
    low: MaybeNumber
    high: MaybeNumber


SCHEMAS: dict[str, Any] = {
    "confusion": Annotated[ConfusionMatrix, AfterValidator(_square)] | Matrix,
    "attention": Annotated[AttentionWeights, AfterValidator(_covered)],
    "predictions": Annotated[Predictions, AfterValidator(_as_many)],
    "forecast": FreeForecast,
    "horizon": Annotated[HorizonForecast, AfterValidator(_as_long)],
    "by_step": list[dict[str, MaybeNumber]],
    "forecasts": dict[str, list[MaybeNumber]],
    "by_length": list[dict[str, MaybeNumber]],
    "samples": list[GeneratedText],
    "measures": list[SamplingMeasures],
    "context": ContextLosses,
    "gradient_by_lag": list[MaybeNumber],
    "loss_by_context": list[ContextLoss],
    "saturation": list[GateStatistics],
    "spectral_radius": list[GateStatistics],
}
"""The items that figures and tables know by name. Any other item is drawn if it consists of series of numbers."""


def read_summary(path: str) -> Json:
    """The summary of a run.

    Args:
        path: The run's directory.

    Returns:
        The items by name, without those of a wrong shape; empty if the run has no summary.
    """
    record = RunStore(Path(path)).record()
    if record is None:
        return {}
    found = {name: _item(name, item, path) for name, item in record.summary.items()}
    return {name: item for name, item in found.items() if item is not None}


def _item(name: str, item: Any, path: str) -> Any:
    try:
        return _checker(name).validate_python(item) if name in SCHEMAS else item
    except ValidationError:
        tell_once(f"{path}: its record's {name} does not have the shape that its figure needs; it is left out")
        return None


@functools.cache
def _checker(name: str) -> Any:
    return TypeAdapter(SCHEMAS[name])
