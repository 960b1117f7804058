"""The metric against time and parameters, with the Pareto front."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnnsweep.report.draw import INK, axis_label, canvas, color, legend, log_if_wide, marker, plain_log
from rnnsweep.report.equal_cost_table import UNLIKE
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.setting_labels import level_name
from rnnsweep.report.setting_ranks import LeaderboardEntry, ranked_entries
from rnnsweep.report.subject import Subject

LABELS = {"seconds": "training time (s; its share of the stack's)", "parameters": "number of parameters"}
SAID = {"seconds": "time", "parameters": "parameters"}


def data(of: Subject) -> pd.DataFrame:
    """A row for each setting and cost; empty if a cost is not known for all settings."""
    rows: list[dict[str, Any]] = []
    for cost in _costs(of):
        points = _points(of, cost)
        if len(points) < 2 or not (points[:, 0] > 0).all():
            return pd.DataFrame()
        front = _front(points, of.metric)
        rows += [
            {
                "setting": of.runs.settings.describe(s.setting),
                "cost": cost,
                "amount": x,
                of.metric.name: y,
                "front": i in front,
            }
            for i, (s, (x, y)) in enumerate(zip(_finished(of), points, strict=True))
        ]
    return pd.DataFrame(rows)


def title(of: Subject) -> str:
    return f"{of.metric.words} against {' and '.join(SAID[cost] for cost in _costs(of))}"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    said = "Each dot is a setting's mean over seeds. The line joins the settings that no other setting beats in both."
    return said if of.runs.timed_alike else f"{said} Time is left out: {UNLIKE}."


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A panel for each cost."""
    costs, named = _costs(of), axis_label(of.metric.name, of.metric.unit)
    figure, panels = canvas(len(costs))
    for axes, cost in zip(panels, costs, strict=True):
        part = frame[frame["cost"] == cost]
        _panel(axes, part[["amount", of.metric.name]].to_numpy(), of)
        axes.set(xlabel=LABELS[cost], ylabel=named)
    if of.arms:
        legend(figure, panels[0], of.arms.key)
    return figure


def _panel(axes: Axes, points: Any, of: Subject) -> None:
    arm = np.array([of.arms.column[s.rows[0]] if of.arms else 0 for s in _finished(of)])
    for code in np.unique(arm):
        label = level_name(of.arms.key, of.arms.levels[code]) if of.arms else None
        style: Any = {"marker": marker(int(code)), "color": color(int(code)), "alpha": 0.75, "linewidths": 0}
        part = points[arm == code]
        axes.scatter(part[:, 0], part[:, 1], s=22, label=label, **style)
    front = _front(points, of.metric)
    log_if_wide(axes, points[:, 1])
    axes.step(points[front, 0], points[front, 1], where="post", color=INK, linewidth=1.2)
    if points[:, 0].max() / points[:, 0].min() > 3:
        axes.set_xscale("log")
        plain_log(axes.xaxis)


def _costs(of: Subject) -> list[str]:
    return ["seconds", "parameters"] if of.runs.timed_alike else ["parameters"]


def _finished(of: Subject) -> list[LeaderboardEntry]:
    return [entry for entry in ranked_entries(of.runs, of.metric) if entry.values]


def _points(of: Subject, cost: str) -> Any:
    column = of.runs.column(cost)
    done = of.runs.complete
    return np.array([[_mean(column[s.rows[done[s.rows]]]), s.interval.mean] for s in _finished(of)]).reshape(-1, 2)


def _mean(values: Any) -> float:
    """The mean of the known values. Results of another program may lack them."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else math.nan


def _front(points: Any, metric: MetricColumn) -> list[int]:
    """The indices of the points that no other point beats in both cost and metric, by increasing cost."""
    found, best = [], math.inf
    for index in np.lexsort((points[:, 1] * metric.sign, points[:, 0])):
        if points[index, 1] * metric.sign < best:
            best = points[index, 1] * metric.sign
            found.append(int(index))
    return found
