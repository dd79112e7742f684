"""What a file is, by its first bytes."""

from __future__ import annotations

import pytest
from support.odd_images import saved, smooth

from nextlabel.engine.images.sniff import READ, format_of, refusal


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WebP")])
def test_what_is_read_is_known_by_its_first_bytes(kind: str, name: str) -> None:
    assert format_of(saved(smooth(4, 4), kind)) == name
    assert name in READ


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_images_are_named(kind: str) -> None:
    data = saved(smooth(4, 4), kind)
    assert format_of(data) == kind
    assert kind not in READ
    assert f"is {kind}," in refusal(data)


def test_text_is_told_from_noise() -> None:
    assert "this is text" in refusal("déjà vu\n".encode())
    assert "this is text" in refusal(b"a" + "é".encode() * 1000)  # the look ends within a letter
    assert "no image of a kind known" in refusal(b"a\x00b")
    assert "no image of a kind known" in refusal(b"\xff\xfe\xfd")
    assert "empty" in refusal(b"")
