"""A lock on a file that one process holds, and that the system releases when the process ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextlabel.contracts.errors import Conflict

_RETRY_EVERY = 0.1


@contextmanager
def file_lock(path: Path, refusal: str | None = None, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock of the file `path`, which is created if it is missing.

    Without `refusal`, wait for the lock, first come first served. With it, raise
    Conflict(`refusal`) if another process still holds the lock after `wait` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # opened each time (microseconds): a lock belongs to the opened file, which a fork shares
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    process = os.getpid()
    try:
        if refusal is None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        else:
            _try_lock(handle, refusal, time.monotonic() + wait)
        yield
    finally:
        if os.getpid() == process:  # a forked child leaves the lock to its parent
            # closing is not enough if a child was forked meanwhile
            fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _try_lock(handle: int, refusal: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Conflict(refusal) from None
            time.sleep(_RETRY_EVERY)
        else:
            return
