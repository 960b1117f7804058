"""Which figures so many tasks allow."""

from types import ModuleType

from rnnsweep.lettering import lettered
from rnnsweep.report.across import diagram, forest, profile
from rnnsweep.report.across.ranks import RANKS, WILCOXON
from rnnsweep.report.across.scores import Scores
from rnnsweep.report.draw import STYLE, Picture
from rnnsweep.report.typeface import families


def pictures(of: Scores) -> list[Picture]:
    """A forest plot of a few tasks, a critical-difference diagram of many; profiles of any number."""
    found: dict[str, ModuleType] = {"forest": forest} if len(of.tasks) < WILCOXON else {}
    found |= {"ranks": diagram} if len(of.tasks) >= RANKS else {}
    return [_picture(f"across-{name}", view, of) for name, view in {**found, "profile": profile}.items()]


def _picture(name: str, view: ModuleType, of: Scores) -> Picture:
    frame = view.data(of)
    with lettered((), families(), STYLE):
        figure = view.draw(frame, of)
    return Picture(name, view.title(of), view.caption(frame, of), figure, frame)
