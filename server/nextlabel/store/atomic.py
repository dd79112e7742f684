"""Files and folders that appear whole or not at all, and are on disk when they appear."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nextlabel.contracts.errors import Conflict
from nextlabel.store import temp_dirs


@contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[Path]:
    """Yield the path of a file to write, which becomes `path` when the block ends.

    If the block raises or the process dies, `path` does not change. Raises Conflict if `path` is a
    folder, or exists and `replace` is False.
    """
    path = path.absolute()
    _check_file(path, replace=replace)
    make_folder(path.parent)
    with temp_dirs.partial(path.parent) as folder:
        part = folder / path.name
        yield part
        sync(part)
        _check_file(path, replace=replace)
        part.replace(path)
        sync(path.parent)


@contextmanager
def new_folder(path: Path, *, replace: bool = False, ours: Callable[[Path], bool] | None = None) -> Iterator[Path]:
    """Yield an empty folder to fill, which becomes `path` when the block ends.

    If the block raises or the process dies, `path` does not change. Raises Conflict, before or
    after the block, if `path` exists. With `ours`, it may be an empty folder, or, with `replace`,
    a folder of which `ours` returns True.
    """
    path = path.absolute()
    _check_folder(path, replace, ours)
    make_folder(path.parent)
    with temp_dirs.partial(path.parent) as folder:
        yield folder
        for written in [*folder.rglob("*"), folder]:
            sync(written)
        _check_folder(path, replace, ours)
        try:
            _rename(folder, path)
        except OSError as error:  # another process was faster
            raise Conflict(f"{path} exists already") from error
        sync(path.parent)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, each on disk before the next."""
    missing = [path for path in [folder, *folder.parents] if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rename(folder: Path, path: Path) -> None:
    if path.exists():
        with temp_dirs.partial(path.parent) as replaced:
            path.rename(replaced / path.name)
            folder.rename(path)
    else:
        folder.rename(path)


def _check_file(path: Path, *, replace: bool) -> None:
    if path.is_dir():
        raise Conflict(f"{path} is a folder; name a file to write")
    if path.exists() and not replace:
        raise Conflict(f"{path} exists already; --force replaces it")


def _check_folder(path: Path, replace: bool, ours: Callable[[Path], bool] | None) -> None:
    if not path.exists():
        return
    if ours is None:
        raise Conflict(f"{path} exists already")
    if not path.is_dir():
        raise Conflict(f"{path} is a file; name a folder to write")
    if not any(path.iterdir()):
        return
    if not ours(path):
        raise Conflict(f"{path} is not empty and not an earlier export; name another folder")
    if not replace:
        raise Conflict(f"{path} holds an earlier export; --force replaces it")
