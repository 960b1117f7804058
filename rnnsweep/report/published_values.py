"""Published numbers beside ours: what a study names under `published`, and whether it was reproduced."""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Required

import numpy as np
from typing_extensions import TypedDict  # typing's own is known to pydantic from Python 3.12 on

from rnnsweep import files
from rnnsweep.planned import published_file
from rnnsweep.report import stats
from rnnsweep.report.leaderboard import LeaderboardEntry, ranked_entries
from rnnsweep.report.numbers import number, signed, spread
from rnnsweep.report.pairs import FEW
from rnnsweep.report.runs import MetricColumn, Runs
from rnnsweep.report.setting_labels import exact, label
from rnnsweep.report.table import Cell, Table, anchor, estimate, rows_of

Where = dict[str, Any]
"""Settings by key: the runs that a published number is about."""


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
    """What a study's file of published numbers holds; `sweep.published` says what each of it means."""

    source: Required[str]
    metric: Required[str]
    values: Required[list[_Value]]
    ablations: list[_Ablation]
    shares: list[_Share]
    orders: list[list[Where]]
    differs: str
    needs: list[str]


@dataclasses.dataclass(frozen=True)
class OurSeeds:
    """The seeds of one setting, the best on validation among those that a published number is about."""

    values: tuple[float, ...]
    interval: stats.Interval


def published_results(studies: list[str]) -> list[dict[str, Any]]:
    """What these studies name, each once."""
    found = [files.read(published_file(Path(study)), PublishedResults) for study in studies]
    known = [dict(each) for each in found if each is not None]
    return [each for index, each in enumerate(known) if each not in known[:index]]


def our_seeds(runs: Runs, metric: MetricColumn, name: str, where: Where) -> OurSeeds | None:
    """`name` over the seeds of the setting with the best `metric`, of those where all of `where` holds."""
    inside = np.ones(len(runs.frame), bool)
    for key, value in where.items():
        column = runs.frame[key].map(exact) if key in runs.frame else None
        inside &= np.zeros(len(inside), bool) if column is None else (column == exact(value)).to_numpy()
    best: LeaderboardEntry | None = next(
        (s for s in ranked_entries(runs, metric) if s.values and inside[s.rows].all()), None
    )
    if best is None:
        return None
    values = runs.values(name)[best.rows]
    done = values[np.isfinite(values)]
    return OurSeeds(tuple(done), stats.t_interval(done, least=FEW)) if len(done) else None


def verdict(value: dict[str, Any], interval: stats.Interval) -> str:
    """Whether our interval lies where the study states, elsewhere, or partly in both."""
    published, band = value["value"], float(value.get("band") or 0)
    allowed = {
        "at_most": (-math.inf, published),
        "at_least": (published, math.inf),
        "band": (published - band, published + band),
    }
    stated = [ends for name, ends in allowed.items() if value.get(name)]
    if not stated:
        return "not judged"
    if interval.n < FEW:
        return f"not judged: fewer than {FEW} seeds"
    low, high = interval.ends
    if all(least <= low and high <= most for least, most in stated):
        return "reproduced"
    return "not reproduced" if any(high < least or most < low for least, most in stated) else OPEN


OPEN = "undecided: the interval is too wide"


def missing_setting(runs: Runs, spec: dict[str, Any]) -> str | None:
    """The first setting that the numbers need and that is not there, or null, in some run: then nothing is judged."""
    return next((key for key in spec.get("needs", []) if key not in runs.frame or runs.frame[key].isna().any()), None)


def values_table(runs: Runs, metric: MetricColumn, spec: dict[str, Any], index: int) -> Table:
    """A row for each published number: theirs, ours, the difference, and the verdict."""
    rows: list[list[str | Cell]] = []
    lacks = missing_setting(runs, spec)
    for value in spec["values"]:
        setting = ", ".join(f"{key}={label(level)}" for key, level in value["where"].items()) or "the best of all"
        theirs, found = float(value["value"]), our_seeds(runs, metric, spec["metric"], value["where"])
        digits = _digits(theirs)
        wanted = Cell(f"{number(theirs, digits)}{_condition(value)}", theirs)
        if found is None:
            rows.append([setting, wanted, Cell("–", None), Cell("–", None), "no complete run"])
            continue
        mean = found.interval.mean
        shown = Cell(spread(found.interval, found.values, digits), estimate(found.interval))
        told = verdict(value, found.interval) if lacks is None else f"not judged: {lacks} is null"
        rows.append([setting, wanted, shown, Cell(signed(mean - theirs, digits), mean - theirs), told])
    name = spec["metric"].removeprefix("last:")
    when = " after the last step" if name != spec["metric"] else ""
    notes = [f"Ours: {name}{when}, of the setting that is best on {metric.name}, mean over its seeds."]
    notes += ["Judged by the 95% interval over seeds."] if any(map(_condition, spec["values"])) else []
    notes += filter(None, [_differs(spec, "Settings differ: {}")])
    title = f"{spec['source']}: published and ours"
    columns = ("setting", "published", "ours", "difference", "verdict")
    return Table(f"published-{anchor(runs.task)}-{index + 1}", title, columns, rows_of(*rows), tuple(notes))


def _differs(spec: dict[str, Any], text: str) -> str:
    return text.format(spec["differs"]) if spec.get("differs") else ""


def _digits(value: float) -> int:
    """Decimals that show three digits of a number; three decimals at least."""
    return max(3, 2 - math.floor(math.log10(abs(value)))) if value else 3


def _condition(value: dict[str, Any]) -> str:
    if value.get("band"):
        return f" ± {number(float(value['band']))}"
    return " or less" if value.get("at_most") else " or more" if value.get("at_least") else ""


def orders(runs: Runs, metric: MetricColumn, spec: dict[str, Any]) -> Iterator[str]:
    """A sentence for each published order, the best first: whether our means keep it."""
    sign = 1 if runs.lower(spec["metric"]) else -1
    lacks = missing_setting(runs, spec)
    if not spec["values"]:  # then there is no table to say it
        yield f"{spec['source']}, by {spec['metric']}." + _differs(spec, " Settings differ: {}.")
    for order in spec.get("orders", []):
        found = [our_seeds(runs, metric, spec["metric"], where) for where in order]
        names = [", ".join(map(label, where.values())) for where in order]
        told = ", then ".join(f"{name} ({_mean(each)})" for name, each in zip(names, found, strict=True))
        known = (
            order_verdict([each for each in found if each is not None], sign) if all(found) else "cannot be told yet"
        )
        yield f"Published order, the best first: {told}: {known if lacks is None else f'not judged, {lacks} is null'}."


def _mean(found: OurSeeds | None) -> str:
    return number(found.interval.mean, _digits(found.interval.mean)) if found else "no complete run"


def order_verdict(order: list[OurSeeds], sign: int) -> str:
    """Whether each is better than the next; below zero is better after multiplication with `sign`."""
    if min(len(each.values) for each in order) < FEW:
        return f"not judged, fewer than {FEW} seeds"
    gaps = [stats.welch(b.values, a.values) for a, b in itertools.pairwise(order)]
    ends = [sorted((sign * low, sign * high)) for low, high in gaps]
    if any(high < 0 for _, high in ends):
        return "not reproduced"
    if all(low > 0 for low, _ in ends):
        return "reproduced"
    return "undecided: an interval of a difference holds zero"
