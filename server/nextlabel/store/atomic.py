"""Files and folders that appear whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nextlabel.contracts.errors import Conflict
from nextlabel.store import temp_dirs
from nextlabel.store.home import make_folder, sync


@contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[Path]:
    """Yield where to write a file; it becomes `path` when the block ends. Conflict if `path` is there already."""
    _check_file(path, replace=replace)
    make_folder(path.absolute().parent)
    with temp_dirs.partial(path.absolute().parent) as folder:
        part = folder / path.name
        yield part
        sync(part)
        _check_file(path, replace=replace)
        part.replace(path)
        sync(path.absolute().parent)


@contextmanager
def new_folder(path: Path, *, replace: bool, ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield a folder to fill; it becomes `path` when the block ends. Conflict if `path` is there and not empty.

    With `replace` a folder that is one of `ours` gives way; any other never does.
    """
    _check_folder(path, replace=replace, ours=ours)
    make_folder(path.absolute().parent)
    with temp_dirs.partial(path.absolute().parent) as work:
        (work / "new").mkdir()
        yield work / "new"
        for written in (*(work / "new").rglob("*"), work / "new"):
            sync(written)
        _check_folder(path, replace=replace, ours=ours)
        if path.exists():
            path.rename(work / "old")
        (work / "new").rename(path)
        sync(path.absolute().parent)


def _check_file(path: Path, *, replace: bool) -> None:
    if path.is_dir():
        raise Conflict(f"{path} is a folder; name a file to write")
    if path.exists() and not replace:
        raise Conflict(f"{path} exists already; --force replaces it")


def _check_folder(path: Path, *, replace: bool, ours: Callable[[Path], bool]) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise Conflict(f"{path} is a file; name a folder to write")
    if not any(path.iterdir()):
        return
    if not ours(path):
        raise Conflict(f"{path} is not empty, and no earlier export: name another folder")
    if not replace:
        raise Conflict(f"{path} holds an earlier export; --force replaces it")
