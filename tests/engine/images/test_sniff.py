"""Recognising file formats by their first bytes."""

from __future__ import annotations

import pytest
from support.odd_images import saved, smooth

from nextlabel.engine.images.sniff import MEDIA_TYPES, image_format, unsupported_reason


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WebP")])
def test_supported_formats(kind: str, name: str) -> None:
    assert image_format(saved(smooth(4, 4), kind)) == name
    assert name in MEDIA_TYPES


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_image_formats_are_named(kind: str) -> None:
    data = saved(smooth(4, 4), kind)
    assert image_format(data) == kind
    assert kind not in MEDIA_TYPES
    assert f"is {kind}," in unsupported_reason(data)


def test_text_and_noise_are_distinguished() -> None:
    assert "this is text" in unsupported_reason("déjà vu\n".encode())
    assert "this is text" in unsupported_reason(b"a" + "é".encode() * 1000)  # the sample ends within a letter
    assert "no image of a known format" in unsupported_reason(b"a\x00b")
    assert "no image of a known format" in unsupported_reason(b"\xff\xfe\xfd")
    assert "empty" in unsupported_reason(b"")
