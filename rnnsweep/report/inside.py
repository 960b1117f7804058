"""How trained cells use their past: the diagnostics that runs with train.diagnostics=true keep in their records."""

from typing import Any

import numpy as np
import pandas as pd

from rnnsweep.report.draw import Picture, canvas, color, legend, plain_log
from rnnsweep.report.figures import styled
from rnnsweep.report.runs import Factor, Metric, Runs
from rnnsweep.report.sentences import named
from rnnsweep.report.shown import showcase
from rnnsweep.report.tables import Cell, Table, anchor, rows_of
from rnnsweep.report.traces import best_of_levels

VIEWS = {"gradient_by_lag", "spectral_radius"}

Levels = list[tuple[str, list[dict[str, Any]]]]
"""Each level with its runs' showcases."""


def arms(runs: Runs, factor: Factor, metric: Metric) -> Levels:
    """For each level what the runs of its best setting show, those without diagnostics left out."""
    found = [
        (level, [showcase(runs.frame["path"].iloc[row]) for row in best.rows])
        for level, best in best_of_levels(runs, factor, metric)
    ]
    found = [(level, [each for each in views if VIEWS & each.keys()]) for level, views in found]
    return [(level, views) for level, views in found if views]


@styled
def reach(runs: Runs, factor: Factor, levels: Levels, metric: Metric) -> Picture | None:
    """How far back gradients reach, and what the loss is where the context is cut."""
    figure, (left, right) = canvas(2)
    rows: list[dict[str, Any]] = []
    for index, (level, views) in enumerate(levels):
        lags = [pd.Series(each["gradient_by_lag"]) for each in views if "gradient_by_lag" in each]
        cuts = [
            pd.DataFrame(each["loss_by_context"]).set_index("length")["loss"]
            for each in views
            if "loss_by_context" in each
        ]
        for axes, view, series in ((left, "gradient_by_lag", lags), (right, "loss_by_context", cuts)):
            if series:
                means = pd.concat(series, axis=1).mean(axis=1)
                means = means[means > 0] if view == "gradient_by_lag" else means
                axes.plot(means.index, means, color=color(index), label=named(factor.key, level))
                rows += [
                    {"level": level, "view": view, "at": at, "value": v, "n": len(series)} for at, v in means.items()
                ]
    if not rows:
        return None
    left.set(yscale="log", xlabel="steps before the last", ylabel="gradient at the input (lag 0 = 1)")
    right.set(xscale="log", xlabel="inputs that an output is computed from", ylabel="validation loss")
    for axis in (left.yaxis, right.xaxis):
        plain_log(axis)
    legend(figure, left)
    caption = (
        f"For each level of {factor.key} the setting that is best {metric.where}, mean over its seeds. Left: how much "
        "of the gradient of what is made of the last output reaches the input that many steps before, by lag. Right: "
        "the loss where each output sees that many inputs up to its own."
    )
    return Picture(
        f"reach-{anchor(runs.task, factor.key)}", "How far the past reaches", caption, figure, pd.DataFrame(rows)
    )


def gates(runs: Runs, factor: Factor, levels: Levels) -> Table | None:
    """Gates that are nearly shut or open, and the spectral radius of each recurrent matrix, mean over seeds."""
    rows: list[list[str | Cell]] = []
    for level, views in levels:
        found: dict[tuple[int, str], dict[str, list[float]]] = {}
        for view in views:
            for name, values in (("radius", view.get("spectral_radius", [])), ("gate", view.get("saturation", []))):
                for each in values:
                    cell = found.setdefault((each["layer"], each["gate"]), {})
                    for key in ("radius",) if name == "radius" else ("low", "high"):
                        cell.setdefault(key, []).append(each[key])
        for (layer, gate), values in sorted(found.items()):
            means = {key: float(np.mean(values[key])) if key in values else None for key in ("radius", "low", "high")}
            rows.append([named(factor.key, level), str(layer), gate, *map(_number, means.items())])
    note = "below .1, above .9: share of the gate's activations on validation data; radius: of the recurrent matrix."
    columns = (factor.key, "layer", "gate", "radius", "below .1", "above .9")
    return (
        Table(
            f"gates-{anchor(runs.task, factor.key)}", "Gates and recurrent matrices", columns, rows_of(*rows), (note,)
        )
        if rows
        else None
    )


def _number(item: tuple[str, float | None]) -> Cell:
    key, value = item
    return Cell("–", None) if value is None else Cell(f"{value:.2f}" if key == "radius" else f"{value:.1%}", value)
