"""The compiled functions of one cell: copies of the templates in `sequence` or `normalised`, kept on disk by Numba."""

import dataclasses
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

from rnnsweep.kernels import blas
from rnnsweep.kernels.cache import locked
from rnnsweep.kernels.pointwise import Normalised, Pointwise

Unit = Pointwise | Normalised


@dataclasses.dataclass(frozen=True)
class Program:
    """The compiled functions, for one cell and precision."""

    blas: int
    """The address of the matrix product."""
    advance: Callable[..., None]
    retreat: Callable[..., None]


@functools.cache
def program(cell: Unit, double: bool) -> Program:
    """Compiles a cell, unless a process of this user has compiled it before.

    One process at a time compiles, so that workers share the work.
    """
    from numba import njit
    from numba import types as numba_types

    from rnnsweep.kernels import compiled_functions, jit, normalised, normalised_back, sequence, sequence_back

    assert compiled_functions  # its import tells Numba of the functions that a cell may call
    templates = (normalised, normalised_back) if isinstance(cell, Normalised) else (sequence, sequence_back)
    advance_types, retreat_types = _argument_types(double)
    with locked("compile"):
        options = {"cache": True, **jit.OPTIONS}
        advance, retreat = (_specialised(cell, *pair) for pair in zip(templates, ("advance", "retreat"), strict=True))
        return Program(
            blas.address(double),
            njit(numba_types.void(*advance_types), **options)(advance),
            njit(numba_types.void(*retreat_types), **options)(retreat),
        )


def _argument_types(double: bool) -> tuple[list[Any], list[Any]]:
    """The types of the arguments of `advance` and `retreat`."""
    from numba import boolean, float32, float64, int64, types

    from rnnsweep.kernels import jit, structures

    number = float64 if double else float32
    array, matrix = jit.matrix(number, 3), jit.matrix(number)

    def fields(structure: type, *kinds: Any) -> Any:
        return types.BaseTuple.from_types(kinds, structure)

    inputs = fields(structures.Inputs, array, boolean)
    weights, history = fields(structures.Weights, *[array] * 4), fields(structures.History, *[array] * 3)
    part = fields(structures.Part, *[int64] * 6)
    forward_scratch = fields(structures.ForwardScratch, *[matrix] * 3)
    backward_scratch = fields(structures.BackwardScratch, *[matrix] * 4)
    output_grads = fields(structures.OutputGrads, array, boolean, array)
    grads = fields(structures.Grads, *[array] * 3, *[matrix] * 2, array)
    before = [int64, inputs, weights, history]
    return [*before, forward_scratch, part], [*before, output_grads, grads, backward_scratch, part]


def _specialised(cell: Unit, templates: types.ModuleType, name: str) -> Callable[..., None]:
    """A copy of the template `name`, in which the names of the cell's numbers and functions mean this cell's.

    Numba finds compiled code on disk by the function's name, file and bytecode. So the name carries a digest of
    everything else that the code depends on.
    """
    from numba.extending import register_jitable

    from rnnsweep.kernels import jit

    own = {field: inspect.unwrap(value) for field, value in vars(cell).items() if callable(value)}
    for function in own.values():
        register_jitable(**jit.SCALAR)(function)
    names: dict[str, Any] = vars(templates) | cell.numbers() | own
    for part in (*templates.PARTS, name):
        template = inspect.unwrap(getattr(templates, part))
        copy = types.FunctionType(template.__code__, names, part)
        copy.__module__ = templates.__name__
        copy.__qualname__ = f"{part}_{_name(cell, own)}"
        names[part] = copy if part == name else jit.inlined(copy)
    specialised: Callable[..., None] = names[name]
    return specialised


def _name(cell: Unit, own: dict[str, Callable[..., Any]]) -> str:
    """A name for the cell's code, with a digest of its numbers, its functions and what these hold in closures."""
    from rnnsweep.kernels import jit

    held = [place.cell_contents for function in own.values() for place in function.__closure__ or ()]
    text = repr([sorted(cell.numbers().items()), [function.__name__ for function in own.values()], held])
    first, *_ = own.values()
    return f"{first.__name__}_{jit.digest(*(function.__code__.co_filename for function in own.values()), text=text)}"
