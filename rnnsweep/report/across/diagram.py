"""A critical-difference diagram (Demšar 2006): mean ranks, with bars that join arms without a shown difference."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnsweep.report import stats
from rnnsweep.report.across import ranks
from rnnsweep.report.across.scores import Scores
from rnnsweep.report.draw import INK, MUTED, canvas, color, marker, shortened
from rnnsweep.report.numbers import number, p_clause

RULER = -2.2
"""The height of the line that shows the critical difference, above the axis and its numbers."""
BARS = 0.16
"""The distance between two bars, where the distance between two names is one."""


def data(of: Scores) -> pd.DataFrame:
    """`arm mean rank critical difference`, the best first."""
    found = ranks.mean_ranks(of.means)
    frame = pd.DataFrame({"arm": of.arms, "mean rank": found})
    frame["critical difference"] = ranks.critical_difference(len(of.arms), len(of.tasks))
    return frame.sort_values("mean rank", kind="stable", ignore_index=True)


def title(of: Scores) -> str:
    return "Mean ranks over all tasks"


def caption(frame: pd.DataFrame, of: Scores) -> str:
    p = ranks.friedman(frame["mean rank"].to_numpy(), len(of.tasks))
    told = f"Friedman's test: {p_clause(p)}" + ("" if p < stats.ALPHA else ", so no difference between arms is shown")
    return (
        f"Mean rank of each arm over {len(of.tasks)} tasks; 1 is the best. A bar joins arms whose ranks differ by less "
        f"than the critical difference, CD = {frame['critical difference'].iloc[0]:.2f} (Nemenyi, 5%; Demšar 2006): no "
        f"difference between them is shown. {told}."
    )


def draw(frame: pd.DataFrame, of: Scores) -> Figure:
    """The axis of ranks is at the top; names of the better half are on the left, those of the others on the right."""
    arms, found = len(frame), frame["mean rank"].to_numpy()
    left = math.ceil(arms / 2)
    groups = ranks.alike(found, frame["critical difference"].iloc[0])
    below = 0.35 + BARS * len(groups)
    figure, (axes,) = canvas(1, 3.4, 0.2 * (left + 2 * below - RULER + 0.8))
    for place, (low, high) in enumerate(groups):
        axes.plot([low - 0.03, high + 0.03], [0.35 + BARS * 2 * place] * 2, color=INK, linewidth=2.6)
    _ruler(axes, frame["critical difference"].iloc[0], arms)
    for place, (arm, rank) in enumerate(zip(frame["arm"], found, strict=True)):
        row = (place if place < left else arms - 1 - place) + 2 * below + 0.4
        _name(axes, str(arm), float(rank), row, place < left, arms, of.arms.index(str(arm)))
    axes.set_ylim(left + 2 * below, RULER - 0.4)
    axes.set_xlim(1, arms)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.tick_top()
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_position(("data", 0))
    axes.set_yticks([])
    axes.grid(visible=False)
    return figure


def _ruler(axes: Axes, difference: float, arms: int) -> None:
    """Draws the critical difference as a line above the axis."""
    end = min(1 + difference, arms)
    axes.plot([1, end], [RULER] * 2, color=MUTED, linewidth=1.4, marker="|", clip_on=False)
    axes.annotate(f"CD = {number(difference, 2)}", (end, RULER), (6, 0), textcoords="offset points", va="center")


def _name(axes: Axes, arm: str, rank: float, row: float, left: bool, arms: int, code: int) -> None:
    """Draws a line from an arm's rank to its name beside the axis."""
    side = 1 - 0.02 * arms if left else arms + 0.02 * arms
    axes.plot([rank, rank, side], [0, row, row], color=MUTED, linewidth=0.8, clip_on=False, zorder=1)
    axes.scatter([rank], [0], s=26, color=color(code), marker=marker(code), clip_on=False, zorder=3)
    text = f"{shortened(arm)} ({number(rank, 2)})"
    beside = (-3 if left else 3, 0)
    axes.annotate(
        text, (side, row), beside, textcoords="offset points", ha="right" if left else "left", va="center",
        annotation_clip=False, fontsize=8.5,
    )  # fmt: skip
