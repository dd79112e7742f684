"""Finds a file by another program's name for it: its whole path, or an end of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar
from unicodedata import normalize

T = TypeVar("T")
_MOST_SHOWN = 5


class Ambiguous(ValueError):
    """A name that fits several files; the text lists them."""


@dataclass(frozen=True)
class Match(Generic[T]):
    """The file that a name leads to."""

    target: T
    path: str
    """The path under which it was found."""
    exact: bool
    """Whether the name is the whole path."""


@dataclass
class PathIndex(Generic[T]):
    """Paths by their last part, each with its target."""

    _by_last_part: dict[str, list[tuple[list[str], str, T]]] = field(default_factory=dict)

    def add(self, path: str, target: T) -> None:
        """Add a path."""
        parts = path_parts(path)
        if parts:
            self._by_last_part.setdefault(parts[-1], []).append((parts, path, target))

    def find(self, name: str) -> Match[T] | None:
        """Return the path that equals `name`, else the one of which either is the end of the other, else None.

        The longest common end counts. Raises Ambiguous if several paths share it.
        """
        ending = path_parts(name)
        fits: dict[T, tuple[int, bool, str]] = {}
        for parts, path, target in self._by_last_part.get(ending[-1], []) if ending else []:
            shared = min(len(ending), len(parts))
            if ending[-shared:] == parts[-shared:]:
                fits[target] = max(fits.get(target, (0, False, "")), (shared, ending == parts, path))
        longest = max((fit[:2] for fit in fits.values()), default=None)
        best = {target: fit for target, fit in fits.items() if fit[:2] == longest}
        if len(best) > 1:
            paths = sorted(path for _, _, path in best.values())
            more = f" and {len(paths) - _MOST_SHOWN} more" if len(paths) > _MOST_SHOWN else ""
            shown = ", ".join(map(repr, paths[:_MOST_SHOWN]))
            raise Ambiguous(f"{name!r} could be {shown}{more}; give more of its path")
        return next((Match(target, path, exact) for target, (_, exact, path) in best.items()), None)


def path_parts(path: str) -> list[str]:
    """Return the parts of a path in the form in which they are compared."""
    return [part for part in normalize("NFC", path.replace("\\", "/")).split("/") if part not in {"", "."}]


def is_end(name: str, other: str) -> bool:
    """Return whether one of two paths is the end of the other."""
    first, second = path_parts(name), path_parts(other)
    shared = min(len(first), len(second))
    return first[len(first) - shared :] == second[len(second) - shared :]


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file but hidden ones, sorted. Links are followed, except to a folder that contains them."""
    yield from _files_below(folder, frozenset())


def _files_below(folder: Path, parents: frozenset[tuple[int, int]]) -> Iterator[Path]:
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in parents:
        return
    with os.scandir(folder) as scan:
        entries = sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in entries:
        if not entry.is_dir() and entry.is_file():
            yield Path(entry.path)
    for entry in entries:
        if entry.is_dir():
            yield from _files_below(Path(entry.path), parents | {identity})
