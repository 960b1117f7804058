"""Chooses the figures by the number of tasks."""

from rnnsweep.lettering import lettered
from rnnsweep.report.across import diagram, forest, profile
from rnnsweep.report.across.ranks import RANKS, WILCOXON
from rnnsweep.report.across.scores import Scores
from rnnsweep.report.draw import STYLE
from rnnsweep.report.rendering import Picture
from rnnsweep.report.typeface import families
from rnnsweep.report.view import ReportView


def pictures(of: Scores) -> list[Picture]:
    """A forest plot for few tasks, a critical-difference diagram for many, and performance profiles for any number."""
    found: dict[str, ReportView[Scores]] = {"forest": forest} if len(of.tasks) < WILCOXON else {}
    found |= {"ranks": diagram} if len(of.tasks) >= RANKS else {}
    return [_picture(f"across-{name}", view, of) for name, view in {**found, "profile": profile}.items()]


def _picture(name: str, view: ReportView[Scores], of: Scores) -> Picture:
    frame = view.data(of)
    with lettered((), families(), STYLE):
        figure = view.draw(frame, of)
    return Picture(name, view.title(of), view.caption(frame, of), figure, frame)
