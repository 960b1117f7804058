"""Which setting is the best: by the mean over its seeds, not by its luckiest seed."""

import dataclasses
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rnnsweep.record import RunRecord

GROUPS = ("task", "cell", "pooling", "optimizer", "train")


@dataclasses.dataclass(frozen=True)
class RankedSetting:
    """All runs that differ in their seed alone."""

    values: dict[str, Any]
    """What differs between the settings of this task, by key."""
    records: list[RunRecord]
    """Of the complete runs, in the order of their seeds."""
    metric: str
    """What it is judged by, as in `val/accuracy`."""
    mean: float
    deviation: float
    """Standard deviation over the seeds; NaN for one seed."""

    @property
    def seeds(self) -> list[int]:
        """The seeds of its runs."""
        return [int(record.config["seed"]) for record in self.records]

    @property
    def words(self) -> str:
        """What differs, as on the command line."""
        return " ".join(f"{key}={'null' if value is None else value}" for key, value in self.values.items())


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The settings of one task."""

    settings: list[RankedSetting]
    """The best first. All have as many seeds."""
    left_out: int
    """Settings that are not ranked: a run of theirs diverged or failed, or they have fewer seeds."""


def ranked(records: Iterable[RunRecord]) -> dict[str, Ranking]:
    """The settings of each task, ranked by the mean of the metric that the task declares, on the validation part.

    Args:
        records: of any runs.

    Returns:
        By the task's name. A task without a complete run is not there.
    """
    groups: dict[str, dict[str, list[RunRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        same = {"seed", *record.environment.get("execution", [])}  # what changes no result
        values = {key: value for key, value in flat(record.config).items() if key not in same}
        groups[record.config["choices"]["task"]][json.dumps(values, sort_keys=True)].append(record)
    found = {task: _ranking([*settings.values()]) for task, settings in groups.items()}
    return {task: ranking for task, ranking in found.items() if ranking.settings}


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """The choices and the settings by their keys, as in `cell` and `cell.hidden_size`; what decides a run's result."""
    found: dict[str, Any] = {"seed": config["seed"], "from": config.get("from")} | dict(config["choices"])
    for group in GROUPS:
        settings = config.get(group) or {}
        found |= {f"{group}.{name}": value for name, value in settings.items() if not name.startswith("_")}
    return found


def _ranking(settings: list[list[RunRecord]]) -> Ranking:
    whole = [runs for runs in settings if all(map(_value, runs))]
    most = max((len(runs) for runs in whole), default=0)
    whole = [sorted(runs, key=lambda run: int(run.config["seed"])) for runs in whole if len(runs) == most]
    differ = _differing([flat(runs[0].config) for runs in settings])
    rows = [_setting(runs, differ) for runs in whole]
    maximised = bool(whole) and whole[0][0].metric.get("direction") == "max"
    rows.sort(key=lambda row: row.mean, reverse=maximised)
    return Ranking(rows, len(settings) - len(rows))


def _setting(runs: list[RunRecord], differ: list[str]) -> RankedSetting:
    values = [found[0] for run in runs if (found := _value(run))]
    shown = flat(runs[0].config)
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    chosen = {key: shown[key] for key in differ}
    return RankedSetting(chosen, runs, f"val/{runs[0].metric['name']}", statistics.fmean(values), deviation)


def _value(record: RunRecord) -> tuple[float] | None:
    """The value of a complete run; None where there is none."""
    value = record.best.get(f"val/{record.metric.get('name')}")
    return (float(value),) if record.status == "complete" and value is not None else None


def _differing(every: list[dict[str, Any]]) -> list[str]:
    """The keys of which the settings have several values, and that all of them have."""
    common = [key for key in every[0] if key != "seed" and all(key in each for each in every)] if every else []
    return [key for key in common if len({json.dumps(each[key], sort_keys=True) for each in every}) > 1]
