"""Diversity (distinct bigrams) against coherence (known words), over temperature and top-k."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnnsweep.report.draw import MUTED, canvas, color, legend, marker
from rnnsweep.report.setting_ranks import LeaderboardEntry, ranked_entries
from rnnsweep.report.subject import Subject, best_of_levels
from rnnsweep.report.summaries import read_summary

MEASURED = ["distinct_2", "known_words"]
SETTINGS = ["temperature", "top_k"]


def data(of: Subject) -> pd.DataFrame:
    """A row for each arm, temperature and top-k: the means over the prompts and seeds of the arm's best setting."""
    tables = []
    for level, entry in _arms(of):
        measures = [m for row in entry.rows for m in read_summary(of.runs.frame["path"].iloc[row]).get("measures", [])]
        found = pd.DataFrame(measures)
        if {*SETTINGS, *MEASURED} <= set(found):
            means = found.groupby(SETTINGS)[MEASURED].mean().reset_index()
            tables.append(means.assign(level=level)[["level", *SETTINGS, *MEASURED]])
    return pd.concat(tables) if tables else pd.DataFrame()


def _arms(of: Subject) -> list[tuple[str, LeaderboardEntry]]:
    return best_of_levels(of.runs, of.arms, of.metric) if of.arms else [("best", ranked_entries(of.runs, of.metric)[0])]


def title(of: Subject) -> str:
    return "Sampling: diversity against coherence"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return (
        "Each point is a temperature (hollow: with top-k), as the mean over prompts and seeds of the best setting. "
        "Points further up and to the right are better."
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A line for each arm."""
    figure, (axes,) = canvas(1, 5.6, 3.6)
    for index, (level, _) in enumerate(_arms(of)):
        part = frame[frame["level"] == level]
        if len(part):
            _line(axes, part, index, of.arm(level))
    axes.set(xlabel="diversity: distinct bigrams of words", ylabel="coherence: share of known words")
    legend(figure, axes)
    return figure


def _line(axes: Axes, part: pd.DataFrame, index: int, label: str) -> None:
    for top_k, points in part.groupby(part["top_k"] > 0):
        hollow: Any = {"linestyle": "", "markerfacecolor": "none", "label": None}
        solid: Any = {"linestyle": "-", "markerfacecolor": color(index), "label": label}
        style = {"color": color(index), "marker": marker(index), "markersize": 5, **(hollow if top_k else solid)}
        axes.plot(points["distinct_2"], points["known_words"], **style)
    for row in part.itertuples(index=False):
        text = f"{row.temperature:g}" + (f", k{row.top_k:.0f}" if row.top_k else "")
        at: Any = {"textcoords": "offset points", "fontsize": 7, "color": MUTED}
        axes.annotate(text, (row.distinct_2, row.known_words), (4, 3), **at)
