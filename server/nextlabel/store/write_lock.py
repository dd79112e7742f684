"""The lock that lets one thread of one process write to the database at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from nextlabel.contracts.errors import NotReady
from nextlabel.store.file_lock import file_lock

WRITE_TIMEOUT = 30.0
"""Seconds that a writer waits for another thread of its process, or for the database's own lock."""


class WriteLock:
    """Held by a writer: a lock for the threads of this process, and the file `path` for other processes.

    SQLite polls for its own write lock, ever more slowly: with four busy processes some wait for
    seconds (measured: at most 4 s, and 0.14 s with this lock). So writers first queue on the lock
    of a file, which the system hands on at once and takes from the dead. The database's own lock
    stays the one that counts. A `path` of None means that the database has a queue of its own.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._holder: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises NotReady if another thread of this process holds it for too long.

        There is no time limit between processes: every write is short.
        """
        if self._holder == threading.get_ident():
            raise RuntimeError("write() inside write(): pass the open connection on instead")
        if not self._threads.acquire(timeout=WRITE_TIMEOUT):
            raise busy()
        try:
            self._holder = threading.get_ident()
            with nullcontext() if self._path is None else file_lock(self._path):
                yield
        finally:
            self._holder = None
            self._threads.release()


def busy() -> NotReady:
    """Return the error for a writer that waited too long."""
    return NotReady(f"the database was busy for {WRITE_TIMEOUT:.0f} seconds; try again", retry_after=5)
