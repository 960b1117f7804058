"""The best settings so far: each setting's mean over its seeds, by the metric that the task is judged by."""

import statistics
from collections.abc import Iterable

from rnnsweep.progress import number
from rnnsweep.record import RunRecord

MOST = 20
"""Settings that a board shows."""

Row = dict[str, str | int]


def boards(records: Iterable[tuple[str, RunRecord]]) -> list[dict[str, object]]:
    """A board for each task and metric.

    Args:
        records: runs that are over, each with the text of its setting; runs of one setting differ in their seed.

    Returns:
        For each task its name, its metric, the number of settings, and the best of them with mean, lowest, highest and
        the number of runs.
    """
    found: dict[tuple[str, str, bool], dict[str, list[float]]] = {}
    for setting, record in records:
        value = record.best.get(f"val/{record.metric.get('name')}")
        if record.status == "complete" and value is not None:
            task = record.config.get("choices", {}).get("task", "")
            key = (str(task), f"val/{record.metric['name']}", record.metric.get("direction") == "max")
            found.setdefault(key, {}).setdefault(setting, []).append(float(value))
    return [
        {"task": task, "metric": metric, "settings": len(values), "rows": _ranked(values, maximised)}
        for (task, metric, maximised), values in sorted(found.items())
    ]


def _ranked(values: dict[str, list[float]], maximised: bool) -> list[Row]:
    means = {setting: statistics.fmean(each) for setting, each in values.items()}
    best = sorted(means, key=lambda setting: means[setting], reverse=maximised)[:MOST]
    return [
        {
            "setting": setting,
            "mean": number(means[setting]),
            "range": f"{number(min(values[setting]))} to {number(max(values[setting]))}",
            "runs": len(values[setting]),
        }
        for setting in best
    ]
