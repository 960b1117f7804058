"""Classes of a user's that a setting names by their path, as in `train.schedule=mine.Halves`."""

import importlib
import inspect
import re
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from rnnsweep.errors import ConfigError, ToldError

NOT_THEIRS = (str(Path(__file__).parent), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
"""Where the code is that is not the user's."""
PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


def _mapping(value: Any) -> Any:
    path = value.get("_target_") if isinstance(value, dict) else value
    if isinstance(path, str) and PATH.fullmatch(path):
        return value if isinstance(value, dict) else {"_target_": path}
    raise PydanticCustomError("own", "Input should be the path of a class of yours such as mine.Name")


Own = Annotated[dict[str, Any], BeforeValidator(_mapping)]
"""A class of the user's: its path, `mine.Halves`, or a mapping, `{_target_: mine.Halves, every: 9}`."""


def ships(path: str) -> bool:
    """Whether the module or class at a path comes with rnnsweep or torch, and is not the user's."""
    return path.startswith(("rnnsweep.", "torch."))


def loaded(key: str, path: str, packages: Sequence[str]) -> type:
    """The class at a path.

    Args:
        key: the setting that names it.
        path: as in `mine.Halves`.
        packages: those that the user lists; a class lies in one of them or in rnnsweep.

    Raises:
        ConfigError: it does not exist, its file has an error, or it lies elsewhere.
    """
    allowed = ["rnnsweep", *packages]
    if path.split(".")[0] not in allowed:
        problem = f"`{path}` lies outside {', '.join(allowed)}; list its package: 'packages=[{path.split('.')[0]}]'"
        raise ConfigError(key, problem)
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(key, f"cannot import `{path}`: {error}") from None
    except Exception as error:
        raise ConfigError(key, f"cannot import `{path}`: {in_a_line(error)}") from None
    if not isinstance(found, type):
        raise ConfigError(key, f"`{path}` is not a class")
    return found


def refuse_unfit(key: str, path: str, kind: str, cls: type, bases: tuple[type, ...]) -> None:
    """Refuses a class that is not of a kind, or lacks a method.

    Args:
        key: the setting that names it.
        path: of the class.
        kind: what it should be: `cell`.
        cls: the class.
        bases: it is derived from one of them; the first one's docstrings say what each method does.

    Raises:
        ConfigError: it says what to derive the class from, or what it lacks.
    """
    names = [f"{base.__module__}.{base.__qualname__}" for base in bases]
    names = [re.sub(r"(torch\.optim|optuna\.\w+)\.\w+\.", r"\1.", name) for name in names]
    if not issubclass(cls, bases):
        raise ConfigError(key, f"`{path}` is no {kind}: derive it from {' or '.join(names)}")
    if lacks := sorted(getattr(cls, "__abstractmethods__", ())):
        says = f"its docstring in {names[0]} says what it does"
        raise ConfigError(key, f"`{path}` lacks {', '.join(f'`{name}`' for name in lacks)}; {says}")


def made(key: str, own: dict[str, Any], **supplied: Any) -> Any:
    """An object of a class that was checked.

    Args:
        key: the setting that names the class.
        own: `_target_`, and its settings.
        **supplied: what the program gives to it, as far as its constructor takes that.

    Raises:
        ConfigError: its constructor failed.
    """
    path = own["_target_"]
    cls = loaded(key, path, [path.split(".")[0]])
    takes = inspect.signature(cls).parameters
    given = {name: value for name, value in own.items() if name != "_target_"}
    with telling(key, path):
        return cls(**{name: value for name, value in supplied.items() if name in takes}, **given)


@contextmanager
def telling(key: str, name: str) -> Iterator[None]:
    """Within the block an error of a user's class becomes one line, which names the class and the line of its file.

    Args:
        key: the setting that names the class.
        name: of the class, or of its method.

    Raises:
        ConfigError: the code in the block failed.
    """
    try:
        yield
    except ToldError:
        raise
    except Exception as error:
        raise ConfigError(key, f"`{name}` failed: {in_a_line(error)}") from error


def in_a_line(error: Exception) -> str:
    """An error with its place in the user's code, as in `NameError: name 'x' is not defined (mine.py, line 7)`."""
    said = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {said}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(NOT_THEIRS)]
    place = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in (theirs or frames)[-1:])
    return f"{type(error).__name__}: {said}{place}"
