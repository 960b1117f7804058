"""Finds the files of views, questions and answers: the report's own, and those of the user's packages."""

import functools
import importlib
import importlib.util
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Literal

from rnnsweep.errors import ReportError, tell_once
from rnnsweep.own import in_a_line

Kind = Literal["views", "questions", "answers"]
HOME = "rnnsweep.report"
VIEW = {"data": "data(of)", "draw": "draw(frame, of)", "title": "title(of)", "caption": "caption(frame, of)"}
"""The functions of a view."""


@functools.cache
def modules(kind: Kind, packages: tuple[str, ...] = ()) -> dict[str, ModuleType]:
    """The modules of one kind by name. A user's module replaces the report's module of the same name.

    Args:
        kind: The name of the folder, such as `views`: in `rnnsweep/report/`, and in `mine/report/` of a package `mine`.
        packages: The user's packages, as the setting `packages` names them.
    """
    found = {}
    for home in (HOME, *(f"{package}.report" for package in packages)):
        folder = _folder(f"{home}.{kind}")
        for module in pkgutil.iter_modules(folder):
            found[module.name] = _imported(f"{home}.{kind}.{module.name}")
    return found


def _imported(name: str) -> ModuleType:
    """A module.

    Raises:
        ReportError: its code failed, and where.
    """
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise ReportError(f"{name} cannot be imported: {in_a_line(error)}") from error


def view_of(path: Path) -> ModuleType:
    """The view in a file.

    Raises:
        ReportError: there is no such file, its code failed, or it lacks a function.
    """
    if not path.is_file():
        raise ReportError(f"--view {path}: there is no such file; name one such as spread.py")
    if path.suffix != ".py":
        raise ReportError(f"--view {path}: expected a Python file such as spread.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    view = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(view)
    except Exception as error:
        raise ReportError(f"--view {path}: its code failed: {in_a_line(error)}") from error
    check_view(view)
    return view


def check_view(view: ModuleType) -> None:
    """Checks the form of a view.

    Raises:
        ReportError: it lacks a function.
    """
    if lacks := [form for name, form in VIEW.items() if not callable(getattr(view, name, None))]:
        problem = f"lacks {', '.join(f'`{form}`' for form in lacks)}; a view has {', '.join(VIEW.values())}"
        raise ReportError(f"the view {view.__file__} {problem}")


def _folder(package: str) -> list[str]:
    """The directories of a package; empty if there is no such package."""
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError as error:
        if not package.startswith(str(error.name)):  # the folder exists, but imports something that is missing
            tell_once(f"the report leaves out {package}: it needs {error.name}, which is not installed")
        return []
    return list(spec.submodule_search_locations or ()) if spec else []
