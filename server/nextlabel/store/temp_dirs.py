"""Unfinished files and folders: each is locked by its maker, and the lock dies with the maker.

So whoever tidies up can tell what a crash left behind from what somebody is writing now.
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
"""Of the name of everything unfinished."""


@contextmanager
def partial(folder: Path) -> Iterator[Path]:
    """Make an empty folder inside `folder` for unfinished work; it is removed unless renamed."""
    with _locked_folder(folder) as path:
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def remove_abandoned(path: Path) -> bool:
    """Remove an unfinished folder if its maker is gone; return whether it was removed."""
    with _lock(path) as mine:
        if mine:
            shutil.rmtree(path, ignore_errors=True)
        return mine


@contextmanager
def _locked_folder(folder: Path) -> Iterator[Path]:
    while True:
        path = folder / f"{PREFIX}{secrets.token_hex(8)}"
        path.mkdir()
        with _lock(path) as mine:
            # not mine: whoever tidies up came between the two calls and took it for abandoned
            if mine:
                yield path
                return


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = path.exists()
    except BlockingIOError:
        mine = False
    try:
        yield mine
    finally:
        os.close(handle)
