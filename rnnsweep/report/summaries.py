"""The summary in a run's record: what the trained model shows. An item that no figure can draw is left out."""

import functools
import math
from pathlib import Path
from typing import Annotated, Any, Required

from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # typing's own is known to pydantic from Python 3.12 on

from rnnsweep.errors import tell_once
from rnnsweep.record import Json, RunStore

MaybeNumber = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A number; JSON has null for one that is not finite."""


def _even(rows: list[list[float]]) -> list[list[float]]:
    if len({len(row) for row in rows}) != 1:
        raise ValueError("rows of different lengths")
    return rows


Matrix = Annotated[list[list[MaybeNumber]], AfterValidator(_even)]


class ConfusionMatrix(TypedDict):
    labels: list[Any]
    counts: Matrix


def _square(item: ConfusionMatrix) -> ConfusionMatrix:
    if not len(item["labels"]) == len(item["counts"]) == len(item["counts"][0]):
        raise ValueError("as many rows and columns as labels are needed")
    return item


class AttentionWeights(TypedDict):
    source: str | list[str]
    target: str | list[str]
    weights: Matrix


def _covered(item: AttentionWeights) -> AttentionWeights:
    if (len(item["target"]) + 1, len(item["source"])) != (len(item["weights"]), len(item["weights"][0])):
        raise ValueError("a weight is needed for each symbol of the target, its end, and of the source")
    return item


class Predictions(TypedDict, total=False):
    truth: Required[list[MaybeNumber]]
    answer: Required[list[MaybeNumber]]
    before: list[MaybeNumber]


def _as_many(item: Predictions) -> Predictions:
    if len({len(values) for values in item.values() if isinstance(values, list)}) != 1 or not item["truth"]:
        raise ValueError("an answer is needed for each truth")
    return item


class FreeForecast(TypedDict):
    truth: list[MaybeNumber]
    free: list[MaybeNumber]


class HorizonForecast(TypedDict):
    name: str
    times: list[str]
    truth: list[MaybeNumber]
    model: list[MaybeNumber]
    simple: dict[str, list[MaybeNumber]]


def _as_long(item: HorizonForecast) -> HorizonForecast:
    lengths = {len(values) for values in item["simple"].values()} | {len(item["model"])}
    if len(lengths) != 1 or not 0 < lengths.pop() <= len(item["truth"]) == len(item["times"]):
        raise ValueError("a time is needed for each truth, and forecasts of one length")
    return item


class ContextLoss(TypedDict):
    length: float
    loss: MaybeNumber


class PositionLoss(TypedDict):
    to: float
    loss: MaybeNumber


class ContextLosses(TypedDict, total=False):
    by_context: list[ContextLoss]
    by_position: list[PositionLoss]


class GeneratedText(TypedDict, total=False):
    prompt: str
    text: str
    temperature: MaybeNumber
    top_k: MaybeNumber


class SamplingMeasures(TypedDict, total=False):
    temperature: MaybeNumber
    top_k: MaybeNumber
    distinct_2: MaybeNumber
    known_words: MaybeNumber


class GateStatistics(TypedDict, total=False):
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
"""The items that figures and tables know by name. Any other is drawn if it is series of numbers."""


def read_summary(path: str) -> Json:
    """The summary of a run, by the names of its items; empty where the run has none."""
    record = RunStore(Path(path)).record()
    if record is None:
        return {}
    found = {name: _item(name, item, path) for name, item in record.summary.items()}
    return {name: item for name, item in found.items() if item is not None}


def _item(name: str, item: Any, path: str) -> Any:
    try:
        return _checker(name).validate_python(item) if name in SCHEMAS else item
    except ValidationError:
        tell_once(f"{path}: its record's {name} has another shape than a figure of it needs; it is left out")
        return None


@functools.cache
def _checker(name: str) -> Any:
    return TypeAdapter(SCHEMAS[name])
