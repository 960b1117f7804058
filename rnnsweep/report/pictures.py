"""Draws views by their names."""

from collections.abc import Sequence
from types import ModuleType

from rnnsweep.errors import ReportError
from rnnsweep.lettering import lettered
from rnnsweep.own import in_a_line, ships
from rnnsweep.report.discovery import check_view, modules
from rnnsweep.report.draw import STYLE
from rnnsweep.report.rendering import Picture
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import anchor
from rnnsweep.report.typeface import families


def picture(name: str, of: Subject) -> Picture | None:
    """The picture of one view.

    Args:
        name: The name of the view's file in `views/`.
        of: The input of the view.

    Returns:
        The picture; None if these runs have no data for it.
    """
    return drawn(name, modules("views", of.runs.packages)[name], of)


def drawn(name: str, view: ModuleType, of: Subject) -> Picture | None:
    """The picture of a view, which may be the user's own.

    Args:
        name: The name of the view's file.
        view: The module; `view.py` says which functions it has.
        of: The input of the view.

    Returns:
        The picture; None if these runs have no data for it.

    Raises:
        ReportError: The code of a user's view failed; the message says where.
    """
    check_view(view)
    try:
        return _drawn(name, view, of)
    except Exception as error:
        if ships(view.__name__):
            raise
        raise ReportError(f"the view {view.__file__} failed: {in_a_line(error)}") from error


def _drawn(name: str, view: ModuleType, of: Subject) -> Picture | None:
    frame = view.data(of)
    if frame.empty:
        return None
    with lettered((), families(), STYLE):
        figure = view.draw(frame, of)
    keys = [factor.key for factor in (of.factor, of.other) if factor]
    address = anchor(of.name) if of.name else name.replace("_", "-")
    return Picture(f"{address}-{anchor(of.runs.task, *keys)}", view.title(of), view.caption(frame, of), figure, frame)


def pictures(names: Sequence[str], of: Subject) -> list[Picture]:
    """The pictures of some views, without those for which these runs have no data.

    Args:
        names: The names of the views' files in `views/`.
        of: The input of the views.
    """
    return [found for found in (picture(name, of) for name in names) if found]
