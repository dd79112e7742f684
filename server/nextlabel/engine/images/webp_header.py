"""How large a WebP is, by its first thirty bytes (RFC 9649): its decoder makes room for all of it when it is made."""

from __future__ import annotations

_SIDE = 0x3FFF
"""Fourteen bits."""


def canvas(data: bytes) -> tuple[int, int] | None:
    """Return the (width, height) that a WebP's first chunk tells; None where it tells none."""
    if len(data) < 30:  # noqa: PLR2004 - what the longest of the three needs
        return None
    kind = data[12:16]
    if kind == b"VP8X":  # what may be animated, see-through or tagged
        return _number(data[24:27]) + 1, _number(data[27:30]) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return _number(data[26:28]) & _SIDE, _number(data[28:30]) & _SIDE
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        bits = _number(data[21:25])
        return (bits & _SIDE) + 1, (bits >> 14 & _SIDE) + 1
    return None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
