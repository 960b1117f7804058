"""How trained cells use their past: the diagnostics in the records of runs with train.diagnostics=true."""

from typing import Any

import numpy as np

from rnnsweep.report.subject import Subject
from rnnsweep.report.summaries import read_summary
from rnnsweep.report.table import Cell, Table, anchor, rows_of

ITEMS = {"gradient_by_lag", "spectral_radius"}

Levels = list[tuple[str, list[dict[str, Any]]]]
"""Each level with the summaries of its runs."""


def diagnosed(of: Subject) -> Levels:
    """The summaries of each level's best setting, without runs that have no diagnostics."""
    found = [(level, [read_summary(of.runs.frame["path"].iloc[row]) for row in best.rows]) for level, best in of.best()]
    found = [(level, [each for each in items if ITEMS & each.keys()]) for level, items in found]
    return [(level, items) for level, items in found if items]


def gates(of: Subject) -> Table | None:
    """How often gates are nearly closed or open, and the spectral radius of each recurrent matrix, as seed means."""
    assert of.factor is not None
    rows: list[list[str | Cell]] = []
    for level, items in diagnosed(of):
        found: dict[tuple[int, str], dict[str, list[float]]] = {}
        for item in items:
            for name, values in (("radius", item.get("spectral_radius", [])), ("gate", item.get("saturation", []))):
                for each in values:
                    cell = found.setdefault((each["layer"], each["gate"]), {})
                    for key in ("radius",) if name == "radius" else ("low", "high"):
                        cell.setdefault(key, []).append(each[key])
        for (layer, gate), values in sorted(found.items()):
            means = {key: float(np.mean(values[key])) if key in values else None for key in ("radius", "low", "high")}
            rows.append([of.label(level), str(layer), gate, *map(_statistic, means.items())])
    note = "below .1, above .9: share of the gate's activations on validation data. radius: the spectral radius of the "
    note += "recurrent matrix."
    columns = (of.factor.key, "layer", "gate", "radius", "below .1", "above .9")
    return (
        Table(
            f"gates-{anchor(of.runs.task, of.factor.key)}",
            "Gates and recurrent matrices",
            columns,
            rows_of(*rows),
            (note,),
        )
        if rows
        else None
    )


def _statistic(item: tuple[str, float | None]) -> Cell:
    key, value = item
    return Cell("–", None) if value is None else Cell(f"{value:.2f}" if key == "radius" else f"{value:.1%}", value)
