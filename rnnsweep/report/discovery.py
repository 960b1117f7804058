"""Views, questions and answers are found as files: those of the report, and those of the packages that a user names."""

import functools
import importlib
import importlib.util
import pkgutil
from types import ModuleType
from typing import Literal

from rnnsweep.errors import tell_once

Kind = Literal["views", "questions", "answers"]
HOME = "rnnsweep.report"


@functools.cache
def modules(kind: Kind, packages: tuple[str, ...] = ()) -> dict[str, ModuleType]:
    """The files of one kind by their names; a user's file of the same name takes the report's place.

    Args:
        kind: The folder: `rnnsweep/report/views`, or `mine/report/views` of the package `mine`.
        packages: The user's packages, as the setting `packages` names them.
    """
    found = {}
    for home in (HOME, *(f"{package}.report" for package in packages)):
        folder = _folder(f"{home}.{kind}")
        for module in pkgutil.iter_modules(folder):
            found[module.name] = importlib.import_module(f"{home}.{kind}.{module.name}")
    return found


def _folder(package: str) -> list[str]:
    """Where a package's files are; nowhere where there is no such package."""
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError as error:
        if not package.startswith(str(error.name)):  # what the user's package imports is missing, not the folder
            tell_once(f"the report leaves out {package}, which needs {error.name}")
        return []
    return list(spec.submodule_search_locations or ()) if spec else []
