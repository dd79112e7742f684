"""Reads from JPEG and WebP headers what Pillow does not report before it decodes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARKER = re.compile(rb"\xff([\xc0-\xc7\xc9-\xcf\xd9-\xdd\xe0-\xef\xfe])")
"""The end marker, and the markers followed by a length. After any other, libjpeg continues at the next byte."""
_END, _SCAN = 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xCA))
_LOSSLESS = frozenset((0xC3, 0xCB))
_WEBP_HEADER_BYTES = 30
"""The longest of the three WebP headers."""
_WEBP_SIDE = 0x3FFF
"""Mask of the 14 bits that hold a width or height."""


@dataclass(frozen=True)
class JpegHeader:
    """How a JPEG is encoded."""

    frame: int
    """Code of the frame marker (SOF), which names the encoding; 0 if there is none."""
    scans: int
    """Number of scans: passes over the pixels."""
    separate: bool
    """True if the first scan contains only some of the colour components."""

    @property
    def lossless(self) -> bool:
        """Whether the encoding is lossless, which libjpeg cannot decode at a reduced size."""
        return self.frame in _LOSSLESS

    @property
    def needs_full_size(self) -> bool:
        """Whether the decoder holds the whole image in memory, even if it decodes at a reduced size."""
        return self.separate or self.frame in _PROGRESSIVE | _LOSSLESS


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Return how a JPEG is encoded (ITU-T T.81, annex B); a truncated file is read as far as it goes.

    Follows the lengths of segments, as libjpeg does. A preview in the metadata, or other data
    after the end of the image, is therefore not counted.
    """
    frame = components = scans = in_first_scan = 0
    position = 2
    while (match := _MARKER.search(data, position)) and (code := match[1][0]) != _END:
        position = match.end()
        if code in _FRAMES and not frame:
            frame, components = code, _byte(data, position + 7)
        elif code == _SCAN:
            scans += 1
            in_first_scan = in_first_scan or _byte(data, position + 2)
        position += max(2, _byte(data, position) << 8 | _byte(data, position + 1))
    return JpegHeader(frame, scans, scans > 0 and in_first_scan < components)


def read_webp_size(data: bytes) -> tuple[int, int] | None:
    """Return a WebP's (width, height) from its first bytes (RFC 9649); None if they do not contain it.

    Needed because the WebP decoder allocates memory for all pixels as soon as it is created.
    """
    if len(data) < _WEBP_HEADER_BYTES:
        return None
    chunk = data[12:16]
    if chunk == b"VP8X":  # the extended format: animation, transparency, metadata
        return _number(data[24:27]) + 1, _number(data[27:30]) + 1
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return _number(data[26:28]) & _WEBP_SIDE, _number(data[28:30]) & _WEBP_SIDE
    if chunk == b"VP8L" and data[20:21] == b"\x2f":
        bits = _number(data[21:25])
        return (bits & _WEBP_SIDE) + 1, (bits >> 14 & _WEBP_SIDE) + 1
    return None


def _byte(data: bytes, position: int) -> int:
    return data[position] if position < len(data) else 0


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
