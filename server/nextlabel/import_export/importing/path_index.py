"""Finding a file by what somebody else calls it: the whole path, or its end."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar
from unicodedata import normalize
from urllib.parse import parse_qs, unquote, urlsplit

T = TypeVar("T")
_OURS = re.compile(r"/items/(.+)/image$")
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a file it was given."""
SHOWN = 5


class Ambiguous(ValueError):
    """Several could be meant; the text lists them."""


@dataclass
class Paths(Generic[T]):
    """Paths by their last part, each leading to something."""

    _by_name: dict[str, list[tuple[str, T]]] = field(default_factory=dict)

    def add(self, path: str, target: T) -> None:
        """Add a path."""
        plain = normalize("NFC", path.replace("\\", "/"))
        self._by_name.setdefault(plain.rpartition("/")[2], []).append((plain, target))

    def find(self, path: str) -> T | None:
        """Return where a path leads: the same one, or one of which either is the end; None.

        Ambiguous where several fit as well.
        """
        wanted = [part for part in normalize("NFC", path.replace("\\", "/")).split("/") if part not in {"", "."}]
        if not wanted:
            return None
        fits: list[tuple[int, str, T]] = []
        for known, target in self._by_name.get(wanted[-1], []):
            parts = [part for part in known.split("/") if part not in {"", "."}]
            alike = _tail(wanted, parts)
            if alike in {len(wanted), len(parts)}:
                fits.append((alike, known, target))
        best = max((alike for alike, _, _ in fits), default=0)
        leading = {target: known for alike, known, target in fits if alike == best}
        if len(leading) > 1:
            shown = sorted(leading.values())
            more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
            raise Ambiguous(f"{path!r} could be {', '.join(map(repr, shown[:SHOWN]))}{more}; say more of its path")
        return next(iter(leading), None)


def meanings(address: str) -> Iterator[str]:
    """Yield what an address could name: ids and paths, the surer ones first."""
    yield address
    try:
        parts = urlsplit(address) if "://" in address or "?" in address or "%" in address else None
    except ValueError:  # as of `http://[`
        parts = None
    path = unquote(parts.path) if parts else address
    ours = _OURS.search(path)
    if ours:
        yield ours[1]
    if parts and "d" in parse_qs(parts.query):
        yield parse_qs(parts.query)["d"][0]
        return
    name = path.rpartition("/")[2]
    uploaded = _UPLOADED.match(name) if "/data/upload/" in path or path.startswith("upload/") else None
    if uploaded:
        yield name
        yield name[uploaded.end() :]
    elif "/data/upload/" in path:
        yield name
    elif path != address:
        yield path.lstrip("/")


def files(folder: Path) -> Iterator[Path]:
    """Yield every file, sorted, but for hidden ones; links are followed, but not to a folder they lie in."""
    yield from _files(folder, frozenset())


def _files(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(folder) as found:
        entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in entries:
        if not entry.is_dir() and entry.is_file():
            yield Path(entry.path)
    for entry in entries:
        if entry.is_dir():
            yield from _files(Path(entry.path), above | {here})


def _tail(one: list[str], other: list[str]) -> int:
    alike = 0
    for mine, theirs in zip(reversed(one), reversed(other), strict=False):
        if mine != theirs:
            break
        alike += 1
    return alike
