"""Memory that a training keeps instead of returning it to the system after each update."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Of glibc's `mallopt`."""


def keep_memory() -> bool:
    """Let this process keep what it frees; return whether the C library could be told.

    Activations of hundreds of megabytes are otherwise mapped and zeroed by the system anew
    in each update: on two cores that took a third of the time. Works with glibc only, and
    for the whole process, which is why trainings call it and nothing else does.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return False
    return bool(mallopt(_TRIM_THRESHOLD, -1)) and bool(mallopt(_MMAP_MAX, 0))
