"""The matrix product of a BLAS as an address that compiled code calls: torch's own, or scipy's."""

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch


@functools.cache
def _torch_library() -> ctypes.CDLL | None:
    for library in (Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*"):
        return ctypes.CDLL(str(library))
    return None


@functools.cache
def address(double: bool) -> int:
    """Where Fortran's sgemm or dgemm (32-bit integers) begins; 0 where there is none.

    Torch's wheels for x86 carry MKL and show its symbols; elsewhere scipy's BLAS serves.
    """
    name = "dgemm" if double else "sgemm"
    library = _torch_library()
    if library is not None and hasattr(library, f"{name}_"):
        return ctypes.cast(getattr(library, f"{name}_"), ctypes.c_void_p).value or 0
    try:
        from numba.extending import get_cython_function_address

        return int(get_cython_function_address("scipy.linalg.cython_blas", name))
    except ImportError:
        return 0


def use_one_thread(threads: int = 1) -> int:
    """Sets how many threads the products of this thread use, if MKL is the BLAS; 0: as many as torch. Returns the
    number before.
    """
    library = _torch_library()
    if library is None or not hasattr(library, "MKL_Set_Num_Threads_Local"):
        return 0
    return int(library.MKL_Set_Num_Threads_Local(threads))


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside the block the products of this thread use no other threads."""
    before = use_one_thread()
    try:
        yield
    finally:
        use_one_thread(before)
