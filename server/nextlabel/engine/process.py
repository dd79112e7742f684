"""What our processes know of one another: parents, and who holds what alone."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextlabel.contracts.errors import Conflict

_LOOK_EVERY = 0.2


def die_with_parent(parent: int | None = None) -> None:
    """End this process as soon as its parent is gone, so that nothing outlives a kill -9.

    `parent` is the pid that is expected; by default the present one.
    """
    expected = os.getppid() if parent is None else parent

    def watch() -> None:
        while os.getppid() == expected:
            time.sleep(_LOOK_EVERY)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


@contextmanager
def file_lock(lock: Path, refuse: str | None = None) -> Iterator[None]:
    """Hold the file `lock`, which dies with the process; wait for it, or Conflict(`refuse`) where another holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if refuse is not None else 0))
        except BlockingIOError:
            raise Conflict(str(refuse)) from None
        yield
