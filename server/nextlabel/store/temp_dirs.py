"""Folders for unfinished work, locked by the process that created them; the lock ends with the process.

So a clean-up can distinguish what a crash left behind from what is being written now.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".partial-"
"""How the name of every unfinished folder begins."""


@contextmanager
def partial(folder: Path) -> Iterator[Path]:
    """Create an empty folder inside `folder` for unfinished work; it is removed unless it was renamed."""
    locked = False
    while not locked:  # a clean-up that ran between the two calls took the folder for abandoned
        path = folder / f"{PREFIX}{secrets.token_hex(8)}"
        path.mkdir()
        with _lock(path) as locked:
            if locked:
                try:
                    yield path
                finally:
                    shutil.rmtree(path, ignore_errors=True)


def remove_abandoned(path: Path) -> bool:
    """Remove an unfinished folder if its process has ended; return whether it was removed."""
    with _lock(path) as locked:
        if locked:
            shutil.rmtree(path, ignore_errors=True)
        return locked


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Try to lock a folder; yield whether it is locked and still exists."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = path.exists()
    except BlockingIOError:
        locked = False
    try:
        yield locked
    finally:
        os.close(handle)
