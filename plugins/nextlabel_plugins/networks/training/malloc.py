"""Tuning of glibc's memory allocator for training."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Parameter numbers of glibc's `mallopt`."""


def keep_freed_memory() -> bool:
    """Stop this process from returning freed memory to the system; return whether that worked.

    By default the system maps and zeroes the activations, hundreds of megabytes, again in each
    update. On two cores that took a third of the time. The setting works with glibc only and
    affects the whole process, so only training processes call this.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # not glibc
        return False
    return bool(mallopt(_TRIM_THRESHOLD, -1)) and bool(mallopt(_MMAP_MAX, 0))
