"""Performance profiles: the share of runs whose score is above each value (Agarwal et al. 2021)."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rnnsweep.errors import many
from rnnsweep.report.across.forest import LARGEST
from rnnsweep.report.across.scores import Scores
from rnnsweep.report.draw import canvas, color, legend_below

LINES = ("-", "--", "-.", ":")
MOST = 200
"""The most scores at which a profile is computed."""


def data(of: Scores) -> pd.DataFrame:
    """The share of runs above each score with its bootstrap interval, as the mean over tasks; a row for each arm."""
    every = np.unique(np.concatenate([each for arm in of.arms for each in of.of(arm)]))
    at = every if len(every) <= MOST else np.linspace(every[0], every[-1], MOST)
    tables = []
    for arm in (of.arms[index] for index in of.order[:LARGEST]):
        share = np.mean([(each[:, None] > at).mean(0) for each in of.of(arm)], 0)
        made = {"arm": arm, "score": at, "share": share}
        if of.enough:
            made |= dict(zip(("low", "high"), _band(of, arm, at), strict=True))
        tables.append(pd.DataFrame(made))
    return pd.concat(tables, ignore_index=True)


def _band(of: Scores, arm: str, at: NDArray[Any]) -> NDArray[Any]:
    """The 95% bootstrap interval of the share above each value. The bootstrap draws seeds within each task."""
    drawn = of.drawn(arm)
    shares = [np.mean([(task > value).mean(1) for task in drawn], 0) for value in at]
    found: NDArray[Any] = np.quantile(shares, [0.025, 0.975], axis=1)
    return found


def title(of: Scores) -> str:
    return "Performance profiles over all tasks"


def caption(frame: pd.DataFrame, of: Scores) -> str:
    left = len(of.arms) - LARGEST
    return (
        f"The share of runs with a score above each value, as the mean over {len(of.tasks)} tasks (Agarwal et al. "
        "2021). A higher line is better; a score is 0 at chance and 1 for the best arm of a task."
        + (
            " Bands: pointwise 95% bootstrap intervals over the seeds of each task; they are too narrow where all "
            "seeds of a task lie on one side."
            if of.enough
            else ""
        )
        + (f" Left out: the {many(left, 'arm')} with the lowest mean." if left > 0 else "")
    )


def draw(frame: pd.DataFrame, of: Scores) -> Figure:
    """A line for each arm."""
    figure, (axes,) = canvas(1, 3.4, 2.9)
    for place, (arm, part) in enumerate(frame.groupby("arm", sort=False)):
        code = of.arms.index(str(arm))
        style = LINES[place % len(LINES)]
        axes.step(part["score"], part["share"], where="post", color=color(code), linestyle=style, label=str(arm))
        if "low" in part:
            axes.fill_between(
                part["score"], part["low"], part["high"], step="post", color=color(code), alpha=0.18, linewidth=0
            )
    axes.set_ylim(-0.02, 1.02)
    axes.set(xlabel="score", ylabel="share of runs above")
    legend_below(figure, axes)
    return figure
