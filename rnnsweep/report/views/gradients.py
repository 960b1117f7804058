"""The gradient norm before clipping over the steps: a line for each level, a panel for each clipping norm."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import MUTED, canvas, color, legend, plain_log
from rnnsweep.report.factor import Factor
from rnnsweep.report.setting_labels import level_name
from rnnsweep.report.subject import ARMS, Subject

MOST = 24  # most runs behind one line
CLIP = "train.clip"


def data(of: Subject) -> pd.DataFrame:
    """A row for each clipping norm, level and step: the median and the deciles over the runs."""
    clip, lines, tables = _clip(of), _lines(of), []
    for code, label in enumerate(_clips(of)):
        for index, level in enumerate(_levels(of)[:ARMS]):
            inside = (clip.column == code if clip else True) & (lines.column == index if lines else True)
            rows = _spread(np.flatnonzero(np.broadcast_to(inside, len(of.runs.frame))), MOST)
            logged = of.rows(rows, "train", "grad_norm")
            logged = logged[logged["value"] > 0]
            if len(logged):
                deciles = logged.groupby("step")["value"].quantile([0.1, 0.5, 0.9]).unstack().reset_index()
                named_ = deciles.rename(columns={0.1: "low decile", 0.5: "median", 0.9: "high decile"})
                tables.append(named_.assign(clip=label, level=level, runs=len(rows)))
    return pd.concat(tables) if tables else pd.DataFrame()


def title(of: Subject) -> str:
    return "Gradient norms"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return (
        f"Median and deciles over the runs of a level ({MOST} of them if there are more). A diverged run counts until "
        "it diverges. Dashed: the clipping norm."
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A panel for each clipping norm."""
    clip, lines = _clip(of), _lines(of)
    figure, panels = canvas(len(_clips(of)))
    for axes, label in zip(panels, _clips(of), strict=True):
        for index, level in enumerate(_levels(of)[:ARMS]):
            part = frame[(frame["clip"] == label) & (frame["level"] == level)]
            if len(part):
                axes.plot(
                    part["step"],
                    part["median"],
                    color=color(index),
                    label=level_name(lines.key, level) if lines else level,
                )
                band: Any = {"color": color(index), "alpha": 0.15, "linewidth": 0}
                axes.fill_between(part["step"], part["low decile"], part["high decile"], **band)
        heading = f"{CLIP}={label}" if clip else ""
        axes.set(yscale="log", xlabel="step", ylabel="gradient norm before clipping", title=heading)
        plain_log(axes.yaxis)
        if clip and label != "null":
            axes.axhline(float(label), color=MUTED, linewidth=1, linestyle="--")
    legend(figure, panels[0])
    return figure


def _clip(of: Subject) -> Factor | None:
    return next((factor for factor in of.runs.factors if factor.key == CLIP), None)


def _clips(of: Subject) -> list[str]:
    clip = _clip(of)
    return list(clip.levels) if clip else [""]


def _lines(of: Subject) -> Factor | None:
    """The factor that the lines stand for; if that is the clipping, the cell or the learning rate instead."""
    if of.factor is not None and of.factor.key != CLIP:
        return of.factor
    return next((factor for factor in of.runs.factors if factor.key in ("cell", "optimizer.lr")), None)


def _levels(of: Subject) -> list[str]:
    lines = _lines(of)
    return list(lines.levels) if lines else ["all runs"]


def _spread(rows: Any, most: int) -> list[int]:
    if len(rows) <= most:
        return [int(row) for row in rows]
    return [int(rows[i]) for i in np.linspace(0, len(rows) - 1, most).round().astype(int)]
