"""Whose turn it is to write: one thread of one process, the others in a queue."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from nextlabel.contracts.errors import NotReady

PATIENCE = 30.0
"""Seconds a writer waits for its turn."""


class Turn:
    """The turn at writing that the threads of this process take, and other processes at `path`.

    SQLite polls for its write lock, ever more slowly: of four busy processes some wait for
    seconds (measured: 4 s at worst, 0.14 s with this), so they queue on the lock of a file
    first, which the system hands on at once and takes from the dead. The database's own lock
    stays the one that counts. None: the database has a queue.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._holder: int | None = None
        self._place: _Place | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the turn; NotReady if it does not come in time."""
        if self._holder == threading.get_ident():
            raise RuntimeError("write() inside write(): pass the open connection on instead")
        until = time.monotonic() + PATIENCE
        if not self._threads.acquire(timeout=PATIENCE):
            raise busy()
        try:
            self._holder = threading.get_ident()
            with nullcontext() if self._path is None else self._locked(self._path, until):
                yield
        finally:
            self._holder = None
            self._threads.release()

    @contextmanager
    def _locked(self, path: Path, until: float) -> Iterator[None]:
        place = self._place if self._place and self._place.take() else None
        if place is None:
            # opened anew each time (microseconds): a lock goes with the opening, and a fork shares that
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    self._place = place = _Place(handle)
                else:
                    yield
            finally:
                if place is None:
                    _release(handle)
        if place is not None:
            if not place.comes(until):
                raise busy()
            try:
                yield
            finally:
                place.leave()


def busy() -> NotReady:
    """Return the error of a writer whose turn did not come."""
    return NotReady(f"the database was busy for {PATIENCE:.0f} seconds; try again", retry_after=5)


def _release(handle: int) -> None:
    # closing is not enough where a child was forked meanwhile
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


class _Place:
    """A place in the queue for a file's lock, which knows no deadline: a thread stands in it.

    Whoever gives it up leaves it to the next; a lock that comes when nobody waits is handed on.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._guard = threading.Lock()
        self._came = threading.Event()
        self._wanted = True
        self._left = False
        threading.Thread(target=self._stand, name="nextlabel-turn", daemon=True).start()

    def take(self) -> bool:
        """Wait in it again; False where it is left already."""
        with self._guard:
            self._wanted = not self._left
            return self._wanted

    def comes(self, until: float) -> bool:
        """Wait for the lock until that moment of the monotonic clock; return whether it came."""
        try:
            self._came.wait(max(0.0, until - time.monotonic()))
        except BaseException:  # Ctrl-C
            if self._has_come():
                self.leave()
            raise
        return self._has_come()

    def leave(self) -> None:
        """Hand the lock on."""
        self._left = True
        _release(self._handle)

    def _has_come(self) -> bool:
        with self._guard:
            self._wanted = self._came.is_set()
            return self._wanted

    def _stand(self) -> None:
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        with self._guard:
            if self._wanted:
                self._came.set()
            else:
                self.leave()
