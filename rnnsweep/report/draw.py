"""How figures look: colours, panels, axes and legends."""

import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from rnnsweep.report.metric_column import in_words
from rnnsweep.report.table import oneline

INK, MUTED, GRID, PAPER = "#1f2329", "#6a717c", "#dfe3e8", "#fefefe"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7b7f87", "#b3a100")
"""The colours of Okabe and Ito (2008) for all kinds of colour vision, with grey for black and a darker yellow."""

LONGEST = 24  # most characters of a level's name beside an axis
WIDE = 50  # an axis is logarithmic from this ratio of the largest to the smallest value on
DEEP = 10  # a logarithmic axis is cut at this part of the smallest value; an interval may reach down to zero

STYLE: Any = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.titlelocation": "left",
}


def canvas(columns: int = 1, width: float = 4.3, height: float = 3.1) -> tuple[Figure, list[Axes]]:
    """A figure with a row of panels."""
    figure = Figure(figsize=(width * columns, height), layout="constrained")
    return figure, list(np.ravel(figure.subplots(1, columns, squeeze=False)))


def stacked(width: float, heights: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Two panels of these heights, one above the other, with a shared x axis."""
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    return figure, list(figure.subplots(2, 1, sharex=True, height_ratios=heights))


def panels_of(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """`count` panels with shared axes, row by row."""
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for index, axes in enumerate(panels[count:], count):
        axes.set_visible(False)
        panels[index - columns].tick_params(labelbottom=True)  # the lowest of its column
    return figure, panels[:count]


def color(index: int) -> str:
    """The colour of a line by its index; after the last colour they start again."""
    return COLORS[index % len(COLORS)]


def marker(index: int) -> str:
    """The marker of a line by its index; after the last marker they start again."""
    return "osD^vPXh"[index % 8]


def numeric_axis(axes: Axes, numbers: tuple[float, ...], labels: tuple[str, ...]) -> bool:
    """Puts ticks at the levels; the axis is logarithmic if they span a factor of four. Returns whether it is."""
    logarithmic = min(numbers) > 0 and max(numbers) / min(numbers) >= 4
    if logarithmic:
        axes.set_xscale("log")
    low, high = min(numbers), max(numbers)
    pad = (high / low) ** 0.05 if logarithmic else 0.05 * (high - low)
    ends = (low / pad, high * pad) if logarithmic else (low - pad, high + pad)
    if np.isfinite(ends).all():  # a level may be as large as a number gets
        axes.set_xlim(*ends)
    if len(numbers) <= 8:
        axes.xaxis.set_major_locator(FixedLocator(list(numbers)))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: dict(zip(numbers, labels, strict=True)).get(value, ""))
        )
        axes.xaxis.set_minor_locator(NullLocator())
    return logarithmic


def plain_log(axis: Any) -> None:
    """Writes plain numbers at a logarithmic axis: at powers of ten, and on a short axis also at 2 and 5."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    short = low > 0 and high / low < 100
    axis.set_minor_locator(LogLocator(subs=(2, 5)) if short else NullLocator())
    axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def log_if_wide(axes: Axes, values: Any, ends: Any = ()) -> None:
    """Makes the y axis logarithmic if positive values span a factor of WIDE.

    Args:
        axes: The panel.
        values: The values that are drawn.
        ends: The ends of their intervals or bands, which the axis contains as far as `cut` does not say otherwise.
    """
    limits = _log_limits(values, ends)
    if limits is not None:
        axes.set_yscale("log", nonpositive="clip")  # an interval's lower end may lie below zero
        axes.set_ylim(*limits)
        plain_log(axes.yaxis)


def cut(values: Any, ends: Any) -> str:
    """The end of a caption if the axis of `log_if_wide` cuts some intervals; empty if it contains them all."""
    limits = _log_limits(values, ends)
    if limits is None or not (_finite(ends) < limits[0]).any():
        return ""
    return " The axis is logarithmic; it cuts what reaches down to zero or far below the means."


def _log_limits(values: Any, ends: Any) -> tuple[float, float] | None:
    """The limits of a logarithmic axis; None if the values fit a linear one, which contains everything drawn."""
    known, reach = _finite(values), _finite(ends)
    if not len(known) or known.min() <= 0 or known.max() / known.min() < WIDE:
        return None
    shown = [*known, *reach[reach >= known.min() / DEEP]]
    return min(shown) / 2, max(shown) * 2


def _finite(values: Any) -> Any:
    found = np.asarray(values, float).ravel()
    return found[np.isfinite(found)]


def axis_label(name: str, unit: str = "") -> str:
    """The name of a metric beside an axis."""
    return in_words(name) + in_unit(unit)


def in_unit(unit: str) -> str:
    """A unit in brackets, to follow a name; empty if there is no unit."""
    return f" ({unit})" if unit else ""


def shortened(level: str) -> str:
    """A level's name, short enough for an axis; a setting in it is without its group: `mlp_window (window=4)`."""
    level = re.sub(r" \(\w+\.", " (", oneline(level))
    return level if len(level) <= LONGEST else f"{level[: LONGEST - 1]}…"


def legend(figure: Figure, axes: Axes, title: str | None = None) -> None:
    """Draws the legend beside the panels, where it covers no line."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, title=title, title_fontsize=8.5, loc="outside right upper", alignment="left")


def legend_below(figure: Figure, axes: Axes) -> None:
    """Draws the legend below the panel, in as many columns as fit; the lines keep the whole width."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = max(1, min(len(labels), 44 // (4 + max(map(len, labels)))))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=1.6)


def rail(axes: Axes, x: list[float], counts: list[str], colors: list[str]) -> None:
    """Marks diverged runs above the panel, with their counts."""
    if not x:
        return
    transform = axes.get_xaxis_transform()
    axes.scatter(x, [1.04] * len(x), marker="x", c=colors, s=34, transform=transform, clip_on=False, zorder=5)
    for place, count, shade in zip(x, counts, colors, strict=True):
        text: Any = {"ha": "center", "va": "bottom", "fontsize": 7.5, "color": shade}
        axes.annotate(
            count, (place, 1.04), (0, 4), xycoords=transform, textcoords="offset points", annotation_clip=False, **text
        )
