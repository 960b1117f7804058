"""The last forecast of the test part over its dates, with some of the past before it."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import COLORS, GRID, MUTED, canvas, legend
from rnnsweep.report.subject import Subject

STYLES = (":", "-.", "--")


def data(of: Subject) -> pd.DataFrame:
    """A row for each time: the truth, and the value of each forecast from the origin on."""
    found = of.summary.get("horizon", {})
    if not found:
        return pd.DataFrame()
    columns, rows = {"truth": found["truth"], "model": found["model"]} | found["simple"], len(found["truth"])
    padded = {name: [None] * (rows - len(values)) + list(values) for name, values in columns.items()}
    return pd.DataFrame({"time": found["times"], **padded}).astype(dict.fromkeys(padded, float))


def title(of: Subject) -> str:
    return f"The last forecast of {of.summary['horizon']['name']}"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    origin = frame["time"][frame["model"].notna()].iloc[0]
    return f"Made before {origin}, in the unit of the column, from the selected setting's best seed ({of.run})."


def _axis(times: "pd.Series[str]") -> "pd.Series[Any]":
    """The times as numbers or dates, if all of them are; else the numbers of the rows."""
    if times.str.isdigit().all():
        return times.astype(float)
    dates = pd.to_datetime(times, format="ISO8601", errors="coerce")
    return dates if dates.notna().all() else pd.Series(range(len(times)))


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A broad, pale line for the truth, a line for the model, and thin lines for the simple forecasts."""
    figure, (axes,) = canvas(1, 6.2, 3.0)
    times = _axis(frame["time"])
    axes.plot(times, frame["truth"], color=GRID, linewidth=3, label="truth")
    simple = [name for name in frame if name not in ("time", "truth", "model")]
    for index, name in enumerate(simple):
        label = str(name).replace("_", " ")
        axes.plot(times, frame[name], color=MUTED, linestyle=STYLES[index % 3], linewidth=1, label=label)
    axes.plot(times, frame["model"], color=COLORS[0], linewidth=1.8, label="model")
    axes.set_ylabel(of.summary["horizon"]["name"])
    axes.tick_params(axis="x", rotation=25)
    legend(figure, axes)
    return figure
