"""What a JPEG's markers tell before it is decoded (ITU-T T.81, annex B).

Read as libjpeg reads them: by the lengths of segments, so that a preview in the metadata or a
film behind the image counts for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARKER = re.compile(rb"\xff([\xc0-\xc7\xc9-\xcf\xd9-\xdd\xe0-\xef\xfe])")
"""The end, and markers with a length behind them. Behind any other libjpeg goes on at the next byte, or gives up."""
_END, _SCAN = 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xCA))
_LOSSLESS = frozenset((0xC3, 0xCB))


@dataclass(frozen=True)
class Markers:
    """What stands between a JPEG's beginning and its end."""

    frame: int
    """The code of its frame's marker, which says how it is coded; 0 where there is none."""
    scans: int
    apart: bool
    """The first scan holds some of the colours only: others follow."""

    @property
    def lossless(self) -> bool:
        """Coded without loss, which cannot be decoded small."""
        return self.frame in _LOSSLESS

    @property
    def whole(self) -> bool:
        """Held in memory whole while it is decoded, however small."""
        return self.apart or self.frame in _PROGRESSIVE | _LOSSLESS


def markers(data: bytes) -> Markers:
    """Return what the markers of `data`, a JPEG, tell; of one that is cut off, as far as it goes."""
    frame = colours = scans = first = 0
    place = 2
    while (found := _MARKER.search(data, place)) and (code := found[1][0]) != _END:
        place = found.end()
        if code in _FRAMES and not frame:
            frame, colours = code, _byte(data, place + 7)
        elif code == _SCAN:
            scans += 1
            first = first or _byte(data, place + 2)
        place += max(2, _byte(data, place) << 8 | _byte(data, place + 1))
    return Markers(frame, scans, scans > 0 and first < colours)


def _byte(data: bytes, place: int) -> int:
    return data[place] if place < len(data) else 0
