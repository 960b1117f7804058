"""The published numbers that a study names under `published`, beside ours, and whether they were reproduced."""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnsweep.report import stats
from rnnsweep.report.metric_column import MetricColumn, in_words
from rnnsweep.report.numbers import number, signed, spread
from rnnsweep.report.pairs import FEW
from rnnsweep.report.published_file import Where
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_labels import exact, label, level_name
from rnnsweep.report.setting_ranks import LeaderboardEntry, ranked_entries
from rnnsweep.report.table import Cell, Table, anchor, estimate, rows_of


@dataclasses.dataclass(frozen=True)
class OurSeeds:
    """Our results to set beside a published number: the seeds of the best setting among those that it is about."""

    values: tuple[float, ...]
    interval: stats.Interval
    chosen: str
    """What the validation chose: the setting's values beside those that the published number names."""


def our_seeds(runs: Runs, metric: MetricColumn, name: str, where: Where) -> OurSeeds | None:
    """Our results to set beside a published number.

    Args:
        runs: The runs of the task.
        metric: The validation metric, which chooses the best setting.
        name: The column of the published metric.
        where: The settings that the published number is about.

    Returns:
        The metric of the best setting's seeds; None if no such setting has finished.
    """
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
    chosen = ", ".join(runs.settings.values(best.setting, without=where))
    return OurSeeds(tuple(done), stats.t_interval(done, least=FEW), chosen) if len(done) else None


def verdict(value: dict[str, Any], interval: stats.Interval) -> str:
    """Whether our interval lies in the range that the study states: `reproduced`, `not reproduced`, or undecided."""
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
    """Says which setting under `needs` is missing or null in some run; nothing is judged then. None if none is."""
    for key in spec.get("needs", []):
        if key not in runs.frame or runs.frame[key].isna().any():
            return f"{key} is null or missing in some run"
    return None


def values_table(runs: Runs, metric: MetricColumn, spec: dict[str, Any], index: int) -> Table:
    """The published numbers beside ours, with the difference and the verdict on each."""
    rows: list[list[str | Cell]] = []
    lacks = missing_setting(runs, spec)
    for value in spec["values"]:
        setting = ", ".join(level_name(key, label(level)) for key, level in value["where"].items()) or "the best of all"
        theirs, found = float(value["value"]), our_seeds(runs, metric, spec["metric"], value["where"])
        digits = _digits(theirs)
        wanted = Cell(f"{number(theirs, digits)}{_condition(value)}", theirs)
        if found is None:
            rows.append([setting, wanted, Cell("–", None), Cell("–", None), "no complete run"])
            continue
        mean = found.interval.mean
        shown = Cell(spread(found.interval, found.values, digits), estimate(found.interval))
        told = verdict(value, found.interval) if lacks is None else f"not judged: {lacks}"
        if runs.unit(spec["metric"]) == "share" and theirs > 1:
            told = f"not judged: a share is at most 1; {number(theirs)}% is {theirs / 100:g}"
        rows.append([setting, wanted, shown, Cell(signed(mean - theirs, digits), mean - theirs), told])
    name = spec["metric"].removeprefix("last:")
    when = " after the last step" if name != spec["metric"] else ""
    notes = [f"Ours: {in_words(name)}{when}, the mean over the seeds of the setting with the best {metric.words}."]
    notes += ["The verdict is by the 95% interval over seeds."] if any(map(_condition, spec["values"])) else []
    notes += filter(None, [_differs(spec, "Settings differ: {}")])
    title = f"{spec['source']}: published and ours"
    columns = ("setting", "published", "ours", "difference", "verdict")
    return Table(f"published-{anchor(runs.task)}-{index + 1}", title, columns, rows_of(*rows), tuple(notes))


def _differs(spec: dict[str, Any], text: str) -> str:
    return text.format(spec["differs"]) if spec.get("differs") else ""


def _digits(value: float) -> int:
    """The number of decimals that show three digits of a number, but at least three."""
    return max(3, 2 - math.floor(math.log10(abs(value)))) if value else 3


def _condition(value: dict[str, Any]) -> str:
    if value.get("band"):
        return f" ± {number(float(value['band']))}"
    return " or less" if value.get("at_most") else " or more" if value.get("at_least") else ""


def orders(runs: Runs, metric: MetricColumn, spec: dict[str, Any]) -> Iterator[str]:
    """A sentence for each published order of settings: whether our means have the same order."""
    sign = 1 if runs.lower(spec["metric"]) else -1
    lacks = missing_setting(runs, spec)
    if not spec["values"]:  # there is no table to name the source
        yield f"{spec['source']}, by {in_words(spec['metric'])}." + _differs(spec, " Settings differ: {}.")
    for order in spec.get("orders", []):
        found = [our_seeds(runs, metric, spec["metric"], where) for where in order]
        names = [", ".join(level_name(key, label(level)) for key, level in where.items()) for where in order]
        told = ", then ".join(f"{name} ({_mean(each)})" for name, each in zip(names, found, strict=True))
        known = (
            order_verdict([each for each in found if each is not None], sign) if all(found) else "cannot be told yet"
        )
        known = known if lacks is None else f"not judged, {lacks}"
        yield f"Published order, the best first: {told}: {known}."


def _mean(found: OurSeeds | None) -> str:
    if found is None:
        return "no complete run"
    mean = number(found.interval.mean, _digits(found.interval.mean))
    return f"{mean} with {found.chosen}" if found.chosen else mean


def order_verdict(order: list[OurSeeds], sign: int) -> str:
    """Whether each setting is better than the next.

    Args:
        order: The settings, the best first as published.
        sign: 1 if a lower value is better, else -1.
    """
    if min(len(each.values) for each in order) < FEW:
        return f"not judged, fewer than {FEW} seeds"
    gaps = [stats.welch(b.values, a.values) for a, b in itertools.pairwise(order)]
    ends = [sorted((sign * low, sign * high)) for low, high in gaps]
    if any(high < 0 for _, high in ends):
        return "not reproduced"
    if all(low > 0 for low, _ in ends):
        return "reproduced"
    return "undecided: an interval of a difference holds zero"
