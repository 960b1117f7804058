"""Writes figures: SVG for the page; SVG, PNG and PDF files; their data as CSV."""

import dataclasses
import functools
import io
import multiprocessing
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from rnnsweep.cores import cores
from rnnsweep.lettering import lettered
from rnnsweep.report import write
from rnnsweep.report.draw import COLORS, GRID, INK, MUTED, PAPER, STYLE
from rnnsweep.report.typeface import NAME, families
from rnnsweep.system import START

ROLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"} | {c: f"c{i}" for i, c in enumerate(COLORS)}
"""The page's name for each colour; its dark mode gives each another shade."""


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
    """A figure as the page shows it. Its files are in figures/."""

    name: str
    title: str
    caption: str
    svg: str


_pictures: list[Picture] = []
"""The figures that the processes of `drawing` write. The processes are forked, so they have the figures already."""


@contextmanager
def drawing(pictures: list[Picture], folder: Path) -> Iterator[Callable[[], dict[str, RenderedFigure]]]:
    """Writes all figures, in other processes if there are enough cores.

    Args:
        pictures: The figures.
        folder: The directory for their files.

    Yields:
        A function that waits for the figures and returns them by name.
    """
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
    """Writes the files of one figure, and returns the figure for the page.

    Args:
        picture: The figure.
        folder: The directory for its files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(picture.figure)
    with lettered(picture.words, families(), STYLE | {"svg.hashsalt": picture.name}):
        for text in picture.figure.findobj(Text):
            text.set_fontfamily(matplotlib.rcParams["font.family"])  # with the fallback fonts
        drawn = io.StringIO()
        picture.figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
        picture.figure.set_layout_engine("none")  # the other formats use the layout that the SVG has
        picture.figure.savefig(folder / f"{picture.name}.pdf", metadata={"CreationDate": None}, facecolor="white")
        picture.figure.savefig(folder / f"{picture.name}.png", dpi=130, facecolor="white")
    svg = NO_XML.sub(" ", drawn.getvalue())
    (folder / f"{picture.name}.svg").write_text(svg, encoding="utf-8", errors="replace")
    write.csv(picture.data, folder / f"{picture.name}.csv")
    return RenderedFigure(picture.name, picture.title, picture.caption, inline(svg, picture.name))


NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that are not allowed in XML."""


def inline(svg: str, name: str) -> str:
    """The SVG as a part of the page: without prolog and common ids, with the page's colours and font."""
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
