"""What a run's record shows of its model. A view of another shape than the figures can draw is left out, and said."""

import functools
import math
from pathlib import Path
from typing import Annotated, Any, Required

from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # typing's own is known to pydantic from Python 3.12 on

from rnnsweep.errors import tell_once
from rnnsweep.record import Json, RunStore

Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A number; JSON has null for one that is not finite."""


def _even(rows: list[list[float]]) -> list[list[float]]:
    if len({len(row) for row in rows}) != 1:
        raise ValueError("rows of different lengths")
    return rows


Matrix = Annotated[list[list[Number]], AfterValidator(_even)]


class Confusion(TypedDict):
    labels: list[Any]
    counts: Matrix


def _square(view: Confusion) -> Confusion:
    if not len(view["labels"]) == len(view["counts"]) == len(view["counts"][0]):
        raise ValueError("as many rows and columns as labels are needed")
    return view


class Attention(TypedDict):
    source: str | list[str]
    target: str | list[str]
    weights: Matrix


def _covered(view: Attention) -> Attention:
    if (len(view["target"]) + 1, len(view["source"])) != (len(view["weights"]), len(view["weights"][0])):
        raise ValueError("a weight is needed for each symbol of the target, its end, and of the source")
    return view


class Predictions(TypedDict, total=False):
    truth: Required[list[Number]]
    answer: Required[list[Number]]
    before: list[Number]


def _as_many(view: Predictions) -> Predictions:
    if len({len(values) for values in view.values() if isinstance(values, list)}) != 1 or not view["truth"]:
        raise ValueError("an answer is needed for each truth")
    return view


class Forecast(TypedDict):
    truth: list[Number]
    free: list[Number]


class Horizon(TypedDict):
    name: str
    times: list[str]
    truth: list[Number]
    model: list[Number]
    simple: dict[str, list[Number]]


def _as_long(view: Horizon) -> Horizon:
    lengths = {len(values) for values in view["simple"].values()} | {len(view["model"])}
    if len(lengths) != 1 or not 0 < lengths.pop() <= len(view["truth"]) == len(view["times"]):
        raise ValueError("a time is needed for each truth, and forecasts of one length")
    return view


class Cut(TypedDict):
    length: float
    loss: Number


class Place(TypedDict):
    to: float
    loss: Number


class Context(TypedDict, total=False):
    by_context: list[Cut]
    by_position: list[Place]


class Sample(TypedDict, total=False):
    prompt: str
    text: str
    temperature: Number
    top_k: Number


class Measure(TypedDict, total=False):
    temperature: Number
    top_k: Number
    distinct_2: Number
    known_words: Number


class Gate(TypedDict, total=False):
    layer: Required[int]
    gate: Required[str]
    radius: Number
    low: Number
    high: Number


VIEWS: dict[str, Any] = {
    "confusion": Annotated[Confusion, AfterValidator(_square)] | Matrix,
    "attention": Annotated[Attention, AfterValidator(_covered)],
    "predictions": Annotated[Predictions, AfterValidator(_as_many)],
    "forecast": Forecast,
    "horizon": Annotated[Horizon, AfterValidator(_as_long)],
    "by_step": list[dict[str, Number]],
    "forecasts": dict[str, list[Number]],
    "by_length": list[dict[str, Number]],
    "samples": list[Sample],
    "measures": list[Measure],
    "context": Context,
    "gradient_by_lag": list[Number],
    "loss_by_context": list[Cut],
    "saturation": list[Gate],
    "spectral_radius": list[Gate],
}
"""The views that figures and tables know by name. Any other is drawn if it is series of numbers."""


def summary(path: str) -> Json:
    """What the model of a run showed; empty where there is none."""
    record = RunStore(Path(path)).record()
    if record is None:
        return {}
    found = {name: _view(name, view, path) for name, view in record.summary.items()}
    return {name: view for name, view in found.items() if view is not None}


def _view(name: str, view: Any, path: str) -> Any:
    try:
        return _checker(name).validate_python(view) if name in VIEWS else view
    except ValidationError:
        tell_once(f"{path}: its record's {name} has another shape than a figure of it needs; it is left out")
        return None


@functools.cache
def _checker(name: str) -> Any:
    return TypeAdapter(VIEWS[name])
