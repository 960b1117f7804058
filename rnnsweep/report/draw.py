"""How every figure looks, and how it is written: SVG for the page, SVG, PNG and PDF files, and its data as CSV."""

import dataclasses
import functools
import io
import multiprocessing
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from rnnsweep.cores import cores
from rnnsweep.lettering import lettered
from rnnsweep.report import write
from rnnsweep.report.table import oneline
from rnnsweep.report.typeface import NAME, families
from rnnsweep.system import START

INK, MUTED, GRID, PAPER = "#1f2329", "#6a717c", "#dfe3e8", "#fefefe"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7b7f87", "#b3a100")
"""Those of Okabe and Ito (2008), which all kinds of colour vision tell apart; grey for black, a darker yellow."""
ROLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"} | {c: f"c{i}" for i, c in enumerate(COLORS)}
"""The page gives each colour another shade in the dark."""

LONGEST = 24  # characters of a level's name
WIDE = 50  # between the smallest and the largest value of an axis that is logarithmic

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


@dataclasses.dataclass(frozen=True)
class Picture:
    """One figure and the numbers in it."""

    name: str
    title: str
    caption: str
    figure: Figure
    data: pd.DataFrame

    @property
    def words(self) -> set[str]:
        """All text that the figure may show."""
        columns = [self.data[name] for name in self.data.select_dtypes(exclude="number")]
        return {self.title, self.caption, *map(str, self.data), *(str(each) for c in columns for each in c.unique())}


@dataclasses.dataclass(frozen=True)
class RenderedFigure:
    """A figure as the page shows it; its files lie in figures/."""

    name: str
    title: str
    caption: str
    svg: str


def canvas(columns: int = 1, width: float = 4.3, height: float = 3.1) -> tuple[Figure, list[Axes]]:
    """A figure with a row of panels."""
    figure = Figure(figsize=(width * columns, height), layout="constrained")
    return figure, list(np.ravel(figure.subplots(1, columns, squeeze=False)))


def stacked(width: float, heights: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Two panels over one axis, of these heights."""
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    return figure, list(figure.subplots(2, 1, sharex=True, height_ratios=heights))


def panels_of(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """So many panels of one scale, row by row."""
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for index, axes in enumerate(panels[count:], count):
        axes.set_visible(False)
        panels[index - columns].tick_params(labelbottom=True)  # the lowest of its column
    return figure, panels[:count]


def color(index: int) -> str:
    return COLORS[index % len(COLORS)]


def marker(index: int) -> str:
    return "osD^vPXh"[index % 8]


def numeric_axis(axes: Axes, numbers: tuple[float, ...], labels: tuple[str, ...]) -> bool:
    """Ticks at the levels; a logarithmic axis where they span a factor of four. Returns whether it is logarithmic."""
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
    """Plain numbers on a logarithmic axis: at the decades, and at 2 and 5 where the axis is short."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    short = low > 0 and high / low < 100
    axis.set_minor_locator(LogLocator(subs=(2, 5)) if short else NullLocator())
    axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def log_if_wide(axes: Axes, values: Any) -> bool:
    """A logarithmic axis where positive values span a factor of fifty; whether it is one."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    wide = len(known) > 0 and known.min() > 0 and bool(known.max() / known.min() >= WIDE)
    if wide:
        axes.set_yscale("log", nonpositive="clip")  # an interval's lower end may lie below zero
        axes.set_ylim(known.min() / 2, known.max() * 2)
        plain_log(axes.yaxis)
    return wide


def axis_label(name: str, unit: str = "") -> str:
    """A metric as an axis names it."""
    names = {"val/gap": "validation − training loss", "val/overfit": "rise after the best"}
    names |= {"last:train/grad_norm": "gradient norm at the end", "val/loss": "validation loss"}
    return names.get(name, name) + in_unit(unit)


def in_unit(unit: str) -> str:
    """A unit in brackets, as it follows a name; nothing where there is none."""
    return f" ({unit})" if unit else ""


def shortened(level: str) -> str:
    """A level that fits beside an axis; a choice's own setting without its group: `mlp_window (window=4)`."""
    level = re.sub(r" \(\w+\.", " (", oneline(level))
    return level if len(level) <= LONGEST else f"{level[: LONGEST - 1]}…"


def legend(figure: Figure, axes: Axes, title: str | None = None) -> None:
    """Beside the panels, where it covers no line."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, title=title, title_fontsize=8.5, loc="outside right upper", alignment="left")


def legend_below(figure: Figure, axes: Axes) -> None:
    """Below the panel, in as many columns as the names allow: a figure of a column's width keeps it for its lines."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = max(1, min(len(labels), 44 // (4 + max(map(len, labels)))))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=1.6)


def rail(axes: Axes, x: list[float], counts: list[str], colors: list[str]) -> None:
    """Diverged runs on the top rail: beyond every value, counted."""
    if not x:
        return
    transform = axes.get_xaxis_transform()
    axes.scatter(x, [1.04] * len(x), marker="x", c=colors, s=34, transform=transform, clip_on=False, zorder=5)
    for place, count, shade in zip(x, counts, colors, strict=True):
        text: Any = {"ha": "center", "va": "bottom", "fontsize": 7.5, "color": shade}
        axes.annotate(
            count, (place, 1.04), (0, 4), xycoords=transform, textcoords="offset points", annotation_clip=False, **text
        )


_pictures: list[Picture] = []
"""What the processes of `drawing` draw: they are forked, and a figure need not be sent to them."""


@contextmanager
def drawing(pictures: list[Picture], folder: Path) -> Iterator[Callable[[], dict[str, RenderedFigure]]]:
    """Writes all figures, where there are cores by other processes meanwhile; what it yields waits for them."""
    count = cores()
    if count < 2 or len(pictures) < 6 or START != "fork":
        yield lambda: {picture.name: render(picture, folder) for picture in pictures}
        return
    _pictures[:] = pictures
    with multiprocessing.get_context("fork").Pool(min(count, 4)) as pool:
        found = pool.map_async(functools.partial(_render, folder), range(len(pictures)), chunksize=1)
        yield lambda: {each.name: each for each in found.get()}


def _render(folder: Path, index: int) -> RenderedFigure:
    return render(_pictures[index], folder)


def render(picture: Picture, folder: Path) -> RenderedFigure:
    """Writes the files of one figure; returns the SVG for the page, whose colours follow the page's."""
    folder.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(picture.figure)
    with lettered(picture.words, families(), STYLE | {"svg.hashsalt": picture.name}):
        for text in picture.figure.findobj(Text):
            text.set_fontfamily(matplotlib.rcParams["font.family"])  # what it was made with lacks the fallbacks
        drawn = io.StringIO()
        picture.figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
        picture.figure.set_layout_engine("none")  # the layout stands; the other formats need not find it again
        picture.figure.savefig(folder / f"{picture.name}.pdf", metadata={"CreationDate": None}, facecolor="white")
        picture.figure.savefig(folder / f"{picture.name}.png", dpi=130, facecolor="white")
    svg = NO_XML.sub(" ", drawn.getvalue())
    (folder / f"{picture.name}.svg").write_text(svg, encoding="utf-8", errors="replace")
    write.csv(picture.data, folder / f"{picture.name}.csv")
    return RenderedFigure(picture.name, picture.title, picture.caption, inline(svg, picture.name))


NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that a file of XML must not hold."""


def inline(svg: str, name: str) -> str:
    """The SVG as a part of the page: no prolog, ids of its own, the page's colours and its font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'id="((?:figure|axes|patch|text|line2d|xtick|ytick|matplotlib\.axis|legend|PathCollection|LineCollection|FillBetweenPolyCollection|QuadMesh)_[\w.]+)"',
        "",
        svg,
    )
    for code, role in ROLES.items():
        svg = svg.replace(f"{code};", f"var(--{role});").replace(f'{code}"', f'var(--{role})"')
    box = re.search(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', svg)
    assert box is not None
    width = float(box[1].split()[2]) * 4 / 3  # points as the page's pixels
    head = f'<svg viewBox="{box[1]}" style="width:{width:.0f}px" role="img" aria-labelledby="fig-{name}">'
    svg = svg.replace(box[0], head, 1)
    return svg.replace(f"'{NAME}'", "var(--sans)")
