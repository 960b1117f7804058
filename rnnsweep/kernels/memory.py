"""How this process keeps the memory that training takes and gives back at every step."""

import ctypes
import functools

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
MEGABYTE = 2**20


@functools.cache
def keep_freed() -> None:
    """Asks glibc to give blocks below 32 MB back to the next step rather than to the system, which would have to
    clear each page again; where there is no glibc, nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, 32 * MEGABYTE)
    mallopt(_TRIM_THRESHOLD, 256 * MEGABYTE)
