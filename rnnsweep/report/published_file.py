"""The file of published results in the directory of a study."""

from pathlib import Path
from typing import Any, Required

from typing_extensions import TypedDict  # typing's own is known to pydantic from Python 3.12 on

from rnnsweep import files
from rnnsweep.study_folder import published_file

Where = dict[str, Any]
"""Settings by key. They say which runs a published number is about."""


class _Value(TypedDict, total=False):
    where: Required[Where]
    value: Required[float]
    band: float | None
    at_most: bool
    at_least: bool


class _Ablation(TypedDict):
    factor: str
    baseline: str
    hurts: list[str]
    harmless: list[str]
    margin: float
    best: float


class _Share(TypedDict):
    key: str
    value: float
    least: float | None


class PublishedResults(TypedDict, total=False):
    """The content of a study's file of published results; `sweep/published.py` explains each entry."""

    source: Required[str]
    metric: Required[str]
    values: Required[list[_Value]]
    ablations: list[_Ablation]
    shares: list[_Share]
    orders: list[list[Where]]
    differs: str
    needs: list[str]


def published_results(studies: list[str]) -> list[dict[str, Any]]:
    """The published results that these studies name, each once."""
    found = [files.read(published_file(Path(study)), PublishedResults) for study in studies]
    known = [dict(each) for each in found if each is not None]
    return [each for index, each in enumerate(known) if each not in known[:index]]
