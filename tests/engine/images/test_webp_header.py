"""A WebP's size by its first bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.odd_images import saved

from nextlabel.contracts.errors import TooLarge, Unprocessable
from nextlabel.engine.images.decoding import prepare
from nextlabel.engine.images.webp_header import canvas

KINDS: dict[bytes, tuple[str, dict[str, Any]]] = {
    b"VP8 ": ("RGB", {"quality": 80}),
    b"VP8L": ("RGB", {"lossless": True}),
    b"VP8X": ("RGBA", {"quality": 80}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (300, 17), (16_383, 1), (1, 16_383)])
def test_its_size_is_what_its_decoder_says(kind: bytes, size: tuple[int, int]) -> None:
    mode, options = KINDS[kind]
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], len(mode)), np.uint8)
    data = saved(Image.fromarray(noise), "WEBP", **options)
    assert data[12:16] == kind
    assert canvas(data) == size


def test_where_there_is_none() -> None:
    data = saved(Image.new("RGB", (64, 64)), "WEBP")
    assert canvas(data[:29]) is None
    assert canvas(data[:12] + b"ALPH" + data[16:]) is None
    assert canvas(data[:23] + b"abc" + data[26:]) is None
    for broken in (data[:29], data[:12] + b"ALPH" + data[16:], data[:23] + b"abc" + data[26:]):
        with pytest.raises(Unprocessable, match="the WebP does not decode"):
            prepare(broken, (8, 8), 3)


@pytest.mark.parametrize("kind", KINDS)
def test_too_large_a_one_is_refused_before_there_is_a_decoder(kind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    mode, options = KINDS[kind]
    data = saved(Image.new(mode, (300, 17)), "WEBP", **options)
    assert prepare(data, (8, 8), 3, 300 * 17).shape == (8, 8, 3)
    monkeypatch.setattr("PIL.WebPImagePlugin.WebPImageFile.__init__", None)
    with pytest.raises(TooLarge, match=r"the image has 300 x 17 pixels; at most 5,099 are read"):
        prepare(data, (8, 8), 3, 300 * 17 - 1)


def test_what_pillow_refuses_where_more_is_allowed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.new("RGB", (300, 17)), "WEBP")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(TooLarge, match="the WebP has more pixels than its decoder takes"):
        prepare(data, (8, 8), 3)
