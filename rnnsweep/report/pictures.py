"""From a view's name to its picture."""

from collections.abc import Sequence

from rnnsweep.lettering import lettered
from rnnsweep.report.discovery import modules
from rnnsweep.report.draw import STYLE, Picture
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import anchor
from rnnsweep.report.typeface import families


def picture(name: str, of: Subject) -> Picture | None:
    """The picture of one view; None where these runs have no data for it.

    Args:
        name: Of the view: its file in `views/`.
        of: What to draw.
    """
    view = modules("views", of.runs.packages)[name]
    frame = view.data(of)
    if frame.empty:
        return None
    with lettered((), families(), STYLE):
        figure = view.draw(frame, of)
    keys = [factor.key for factor in (of.factor, of.other) if factor]
    address = anchor(of.name) if of.name else name.replace("_", "-")
    return Picture(f"{address}-{anchor(of.runs.task, *keys)}", view.title(of), view.caption(frame, of), figure, frame)


def pictures(names: Sequence[str], of: Subject) -> list[Picture]:
    """The pictures of those views that these runs have data for."""
    return [found for found in (picture(name, of) for name in names) if found]
