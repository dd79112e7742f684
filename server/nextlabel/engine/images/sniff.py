"""What a file is, by its first bytes: its name and the type it was sent with may say anything."""

from __future__ import annotations

from collections.abc import Mapping

READ: Mapping[str, str] = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp"}
"""The formats that are decoded, with their media types."""

_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x01\x00", "Windows icon"),
    (b"8BPS", "Photoshop file"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"<svg", "SVG"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC"}
"""Of files that begin with a `ftyp` box (ISO 14496-12)."""
_LOOKED_AT = 512


def format_of(data: bytes) -> str | None:
    """Return the name of the format `data` begins as, or None."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video")
    return next((name for beginning, name in _BEGINNINGS if data.startswith(beginning)), None)


def refusal(data: bytes) -> str:
    """Return, for a person, what `data` is in place of an image that is read."""
    wanted = "an image is read if it is JPEG, PNG or WebP"
    if not data:
        return f"the file is empty; {wanted}"
    name = format_of(data)
    if name is not None:
        return f"the format of this file is {name}, whatever its name says; {wanted}"
    return f"this is {'text' if _is_text(data[:_LOOKED_AT]) else 'no image of a kind known here'}; {wanted}"


def _is_text(start: bytes) -> bool:
    try:
        # the last character may be cut in two
        text = start.decode("utf-8", "strict" if len(start) < _LOOKED_AT else "ignore")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)
