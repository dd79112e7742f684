"""Finding a file by what somebody else calls it: the whole path, its end, or the last part of an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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

    def find(self, path: str, *, loose: bool) -> T | None:
        """Return where a path leads: the same one, or one of which either is the end; None.

        `loose`: the last part alone is enough. Ambiguous where several fit as well.
        """
        wanted = [part for part in normalize("NFC", path.replace("\\", "/")).split("/") if part not in {"", "."}]
        if not wanted:
            return None
        fits: list[tuple[int, str, T]] = []
        for known, target in self._by_name.get(wanted[-1], []):
            parts = [part for part in known.split("/") if part not in {"", "."}]
            alike = _tail(wanted, parts)
            if loose or alike in {len(wanted), len(parts)}:
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


def _tail(one: list[str], other: list[str]) -> int:
    alike = 0
    for mine, theirs in zip(reversed(one), reversed(other), strict=False):
        if mine != theirs:
            break
        alike += 1
    return alike
