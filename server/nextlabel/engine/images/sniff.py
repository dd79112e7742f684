"""Recognises file formats by their first bytes; file names and declared media types are not reliable."""

from __future__ import annotations

from collections.abc import Mapping

MEDIA_TYPES: Mapping[str, str] = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp"}
"""Media types of the supported formats."""

_SIGNATURES = (
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
"""Formats of files that begin with a `ftyp` box (ISO 14496-12), by the brand in it."""
_TEXT_SAMPLE_BYTES = 512


def image_format(data: bytes) -> str | None:
    """Return the name of the format that `data` begins with, or None if it is unknown."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video")
    return next((name for signature, name in _SIGNATURES if data.startswith(signature)), None)


def unsupported_reason(data: bytes) -> str:
    """Return a message that names what `data` is and which image formats are supported."""
    supported = "an image must be JPEG, PNG or WebP"
    if not data:
        return f"the file is empty; {supported}"
    name = image_format(data)
    if name is not None:
        return f"the format of this file is {name}, by its content; {supported}"
    kind = "text" if _is_text(data[:_TEXT_SAMPLE_BYTES]) else "no image of a known format"
    return f"this is {kind}; {supported}"


def _is_text(sample: bytes) -> bool:
    try:
        # a full sample may end within a character
        text = sample.decode("utf-8", "strict" if len(sample) < _TEXT_SAMPLE_BYTES else "ignore")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)
