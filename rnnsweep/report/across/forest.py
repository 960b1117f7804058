"""A forest plot: the difference of each arm's score from the leader's, on each of a few tasks."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.errors import many
from rnnsweep.report import stats
from rnnsweep.report.across.scores import Scores
from rnnsweep.report.draw import MUTED, canvas, color, legend_below, marker, shortened
from rnnsweep.report.pairs import FEW

LARGEST = 8
"""The most arms of one figure."""
MEAN = "mean"


def data(of: Scores) -> pd.DataFrame:
    """The mean difference from the leader with its interval, a row for each other arm and each task."""
    rows = []
    for arm in of.order[1:LARGEST]:
        found = {task: _difference(of, of.arms[arm], task) for task in of.tasks}
        rows += [
            {"arm": of.arms[arm], "task": task, "mean": i.mean, "low": i.low, "high": i.high, "seeds": i.n}
            for task, i in found.items()
        ]
        mean = float(of.means[arm].mean() - of.means[of.order[0]].mean())
        rows.append({"arm": of.arms[arm], "task": MEAN, "mean": mean, "low": np.nan, "high": np.nan, "seeds": 0})
    return pd.DataFrame(rows)


def _difference(of: Scores, arm: str, task: str) -> stats.Interval:
    """The difference paired by seed; without common seeds the difference of the means, which has no interval."""
    mine, theirs = of.seeds[arm, task], of.seeds[of.leader, task]
    gaps = (mine - theirs).dropna().to_numpy(float)
    return stats.t_interval(gaps, least=FEW) if len(gaps) else stats.Interval(float(mine.mean() - theirs.mean()))


def title(of: Scores) -> str:
    return f"Scores minus those of {of.leader}, by task"


def caption(frame: pd.DataFrame, of: Scores) -> str:
    seeds = frame.loc[frame["task"] != MEAN, "seeds"]
    counts = str(seeds.min()) if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
    bars = f"Bars: 95% t intervals over {counts} paired seeds, not corrected. " if seeds.max() >= FEW else ""
    left = len(of.arms) - LARGEST
    return (
        f"{of.leader} has the best mean score and is the line at zero; it is best on {of.wins[of.order[0]]} of "
        f"{len(of.tasks)} tasks. {bars}The mean over tasks has no interval, because there are too few tasks."
        + ("" if of.fresh else " Exploratory: the seeds of some task chose the settings.")
        + (f" Left out: the {many(left, 'arm')} with the lowest mean." if left > 0 else "")
    )


def draw(frame: pd.DataFrame, of: Scores) -> Figure:
    """A group of rows for each task, with a row for each arm."""
    arms, places = list(dict.fromkeys(frame["arm"])), [*of.tasks, MEAN]
    step = 1 / (len(arms) + 1)
    figure, (axes,) = canvas(1, 3.4, 1.3 + 0.13 * len(places) * max(2.5, len(arms)))
    axes.axvline(0, color=MUTED, linewidth=1)
    for index, arm in enumerate(arms):
        part = frame[frame["arm"] == arm].set_index("task").loc[places]
        y = np.arange(len(places)) + (index - (len(arms) - 1) / 2) * step
        shade = color(of.arms.index(arm))
        axes.hlines(y, part["low"], part["high"], color=shade, linewidth=1.4)
        axes.scatter(part["mean"], y, s=22, color=shade, marker=marker(of.arms.index(arm)), linewidths=0, label=arm)
    axes.set_yticks(range(len(places)), [shortened(place) for place in places])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.axhline(len(places) - 1.5, color=MUTED, linewidth=0.6, linestyle=":")
    axes.set_xlabel(f"score minus that of {shortened(of.leader)}")
    axes.grid(axis="y", visible=False)
    legend_below(figure, axes)
    return figure
