"""Which setting is the best: by the mean over its seeds, not by its luckiest seed."""

import dataclasses
import itertools
import json
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rnnsweep.record import DataSet, RunRecord, data_sets, evaluated_on

GROUPS = ("task", "cell", "pooling", "optimizer", "train")


@dataclasses.dataclass(frozen=True)
class RankedSetting:
    """All runs that differ in their seed alone."""

    values: dict[str, Any]
    """What differs between the settings of this task, by key."""
    records: list[RunRecord]
    """Of the complete runs by which it is ranked, in the order of their seeds."""
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
    """The best first. All have as many seeds: those of most settings."""
    left_out: int
    """Settings that are not ranked: a run of theirs diverged, failed or was pruned, or they have fewer seeds."""
    notes: tuple[str, ...] = ()
    """What a reader of the means should know."""


def ranked(records: Iterable[RunRecord]) -> dict[str, Ranking]:
    """The settings of each task, ranked by the mean of the metric that the task declares, on the validation part.

    Args:
        records: of any runs.

    Returns:
        By the task's name. A task without a complete run is not there.
    """
    tasks: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        tasks[record.config["choices"]["task"]].append(record)
    found = {task: _ranking(_by_setting(runs)) for task, runs in tasks.items()}
    return {task: ranking for task, ranking in found.items() if ranking.settings}


def _by_setting(records: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """The runs of each setting. What changes no result is no part of it, such as the path of the same data."""
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    several = data_sets.differ(map(_data, records))
    known = list(dict.fromkeys(key for record in records for key in _execution(record)))
    for record in records:
        keys = _execution(record) or known  # a run that failed does not say them
        same = {"seed", *(key for key in keys if not (several and key.startswith("task.")))}
        values = {key: value for key, value in flat(record.config).items() if key not in same}
        groups[json.dumps(values, sort_keys=True)].append(record)
    return [part for runs in groups.values() for part in _by_data(runs)]


def _execution(record: RunRecord) -> list[str]:
    found: list[str] = record.environment.get("execution", [])
    return found


def _by_data(runs: list[RunRecord]) -> list[list[RunRecord]]:
    """The runs of one setting, apart where they were trained on different data, as on a file that was changed."""
    parts: dict[str, list[RunRecord]] = defaultdict(list)
    for run, name in zip(runs, data_sets.names([_data(run) for run in runs]), strict=True):
        parts[name].append(run)
    return [*parts.values()]


def _data(record: RunRecord) -> DataSet:
    known = record.environment.get
    return DataSet(record.config["seed"], known("source_hash"), known("data_hash"))


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """The choices and the settings by their keys, as in `cell` and `cell.hidden_size`; what decides a run's result."""
    found: dict[str, Any] = {"seed": config["seed"], "from": config.get("from")} | dict(config["choices"])
    for group in GROUPS:
        settings = config.get(group) or {}
        found |= {f"{group}.{name}": value for name, value in settings.items() if not name.startswith("_")}
    return found


def _ranking(settings: list[list[RunRecord]]) -> Ranking:
    settings = [sorted(runs, key=lambda run: int(run.config["seed"])) for runs in settings]
    usual = _usual_seeds([runs for runs in settings if all(map(_value, runs))])
    named = zip(settings, _differing(settings), strict=True)
    whole = [(runs, values) for runs, values in named if all(map(_value, runs)) and len(runs) >= len(usual)]
    rows = [_setting(_of_seeds(runs, usual), values) for runs, values in whole]
    maximised = bool(rows) and rows[0].records[0].metric.get("direction") == "max"
    rows.sort(key=lambda row: row.mean, reverse=maximised)
    return Ranking(rows, len(settings) - len(rows), _notes(rows))


def _usual_seeds(settings: list[list[RunRecord]]) -> list[int]:
    """The seeds of most settings; of those that are equally usual, the fewest.

    A setting with further seeds, such as one that was confirmed, is ranked by these, too: else it would be alone.
    """
    every = [tuple(int(run.config["seed"]) for run in runs) for runs in settings]
    counts = Counter(map(len, every))
    usual = min(counts, key=lambda count: (-counts[count], count), default=0)
    return list(Counter(seeds for seeds in every if len(seeds) == usual).most_common(1)[0][0]) if every else []


def _of_seeds(runs: list[RunRecord], seeds: list[int]) -> list[RunRecord]:
    """The runs with these seeds; as many others where not all of these are there."""
    same = [run for run in runs if run.config["seed"] in seeds]
    return same if len(same) == len(seeds) else runs[: len(seeds)]


def _notes(rows: list[RankedSetting]) -> tuple[str, ...]:
    """What makes the means of settings hard to compare."""
    said = []
    if len({tuple(row.seeds) for row in rows}) > 1:
        said.append("not all settings have the same seeds: their means differ by the seeds, too")
    if data_sets.differ(evaluated_on(_data(record), record.declared) for row in rows for record in row.records):
        said.append("the settings were evaluated on different data or symbols: their means differ by these, too")
    return tuple(said)


def _setting(runs: list[RunRecord], differing: dict[str, Any]) -> RankedSetting:
    values = [found[0] for run in runs if (found := _value(run))]
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    return RankedSetting(differing, runs, f"val/{runs[0].metric['name']}", statistics.fmean(values), deviation)


def _value(record: RunRecord) -> tuple[float] | None:
    """The value of a complete run; None where there is none."""
    value = record.best.get(f"val/{record.metric.get('name')}")
    return (float(value),) if record.status == "complete" and value is not None else None


def _differing(settings: list[list[RunRecord]]) -> list[dict[str, Any]]:
    """What tells each setting from the others: its values of what has several; else the hash of its data."""
    every = [flat(runs[0].config) for runs in settings]
    keys = dict.fromkeys(key for each in every for key in each if key != "seed")
    known = {key: {json.dumps(each[key], sort_keys=True) for each in every if key in each} for key in keys}
    found = [{key: each[key] for key in keys if key in each and len(known[key]) > 1} for each in every]
    if len({json.dumps(each, sort_keys=True) for each in found}) == len(found):
        return found
    hashes = data_sets.names([_data(run) for runs in settings for run in runs])
    first = itertools.accumulate(map(len, settings[:-1]), initial=0)
    return [each | {"task.data_hash": hashes[place]} for each, place in zip(found, first, strict=True)]
