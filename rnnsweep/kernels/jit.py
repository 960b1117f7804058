"""How compiled functions are compiled, and the name under which Numba keeps them on disk."""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numba import float32, float64, njit, types, void

# Without `nnan` and `ninf`: a NaN must stay a NaN, for a divergence to be seen.
FAST = {"contract", "reassoc", "arcp", "nsz"}
OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": FAST}
SCALAR = {"forceinline": True, "error_model": "numpy", "fastmath": FAST}

SHARED = (
    "jit",
    "intrinsics",
    "compiled_functions",
    "structures",
    "pointwise",
    "sequence",
    "sequence_back",
    "normalised",
    "normalised_back",
)
"""The modules whose code is part of every compiled function."""


def compiled(function: Callable[..., Any]) -> Any:
    """The function, compiled at its first call. Tests wrap functions to check shapes; the wrapper is taken off."""
    return njit(**OPTIONS)(inspect.unwrap(function))


def inlined(function: Callable[..., Any]) -> Any:
    """As `compiled`, but written into each caller before that is compiled.

    LLVM may add three numbers in another order in a function that it has inlined itself. So what a step computes is
    inlined here, and compiled code gives the same last digits each time that it is made.
    """
    return njit(inline="always", **OPTIONS)(inspect.unwrap(function))


def digest(*files: str, text: str = "") -> str:
    """16 hexadecimal digits of `text`, of the content of `files` and of the modules in SHARED.

    Numba finds compiled code on disk by the function's name and file. So the name must carry a digest of everything
    else that the code depends on.
    """
    content = hashlib.sha256(text.encode())
    shared = (str(Path(__file__).with_name(f"{name}.py")) for name in SHARED)
    for file in sorted({*shared, *files}):
        content.update(Path(file).read_bytes() if Path(file).exists() else b"")
    return content.hexdigest()[:16]


def in_both_precisions(function: Callable[..., Any], file: str, arguments: Callable[[Any], Sequence[Any]]) -> Any:
    """The function compiled for float32 and float64, and kept on disk.

    Args:
        function: what is compiled.
        file: the file that it is written in.
        arguments: from Numba's type of the precision to the types of the function's arguments.
    """
    plain = inspect.unwrap(function)
    plain.__qualname__ = f"{plain.__name__}_{digest(file)}"
    signatures = [void(*arguments(number)) for number in (float32, float64)]
    return njit(signatures, cache=True, **OPTIONS)(plain)


def matrix(number: Any, dimensions: int = 2) -> Any:
    """The type of a C-contiguous array."""
    return types.Array(number, dimensions, "C")
