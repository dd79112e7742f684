"""Which way up an image is, from what the camera noted in it.

Read here and not by Pillow, which parses all of an image's metadata for it, and warns of or
stumbles over parts that do not matter: broken metadata turns nothing and stops nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

from PIL import Image

_TAG = 0x0112
_HEADER = b"Exif\x00\x00"
_NUMBERS = {1: "B", 3: "H", 4: "L"}
"""TIFF's types of whole numbers: byte, short, long."""
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
_BACK: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = 5
"""From this orientation on, width and height change places."""


def orientation(info: Mapping[Any, Any]) -> int:
    """Return the EXIF orientation, 1 to 8, from what Pillow calls an image's info; 1 where there is none.

    1 is upright. It stands in the EXIF block, in the text some tools write in its place into a
    PNG, or in the XMP packet; the first of them counts.
    """
    return _of_exif(info.get("exif")) or _of_exif(_legacy(info)) or _of_xmp(info.get("xmp")) or 1


def sideways(info: Mapping[Any, Any]) -> bool:
    """Tell whether width and height change places when the image is made upright."""
    return orientation(info) >= _SIDEWAYS


def upright(image: Image.Image) -> Image.Image:
    """Return a decoded image as it was seen."""
    back = _BACK.get(orientation(image.info))
    return image if back is None else image.transpose(back)


def _of_exif(block: object) -> int | None:
    """Return the tag in the first directory of a TIFF header (TIFF 6.0, section 2)."""
    if not isinstance(block, bytes):
        return None
    while block.startswith(_HEADER):
        block = block[len(_HEADER) :]
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "L", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", block, entry)
            if tag == _TAG and kind in _NUMBERS:
                (value,) = struct.unpack_from(order + _NUMBERS[kind], block, entry + 8)
                return int(value) if value in _BACK or value == 1 else None
    except struct.error:  # the block ends before its directory does
        return None
    return None


def _legacy(info: Mapping[Any, Any]) -> bytes | None:
    """Return the EXIF block that ImageMagick writes as a PNG's text: three lines, then hexadecimal digits."""
    text = info.get("Raw profile type exif")
    if not isinstance(text, str):
        return None
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return None


def _of_xmp(packet: object) -> int | None:
    found = _XMP.search(packet) if isinstance(packet, bytes) else None
    return int(found[1]) if found else None
