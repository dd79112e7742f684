"""Converting any mode to 8-bit RGB or greyscale, without needless copies of large images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nextlabel.engine.images import to_rgb
from nextlabel.engine.images.to_rgb import to_rgb_or_grey

RNG = np.random.default_rng(0)


def test_images_in_the_right_mode_are_not_copied() -> None:
    for mode, channels in (("L", 1), ("RGB", 3)):
        image = Image.new(mode, (4, 4))
        assert to_rgb_or_grey(image, channels) is image


def test_rgba_images_are_not_converted_to_rgba(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = RNG.integers(0, 256, (9, 7, 4), np.uint8)
    share = pixels[..., 3:] / 255
    expected = pixels[..., :3] * share + 255 * (1 - share)
    image = Image.fromarray(pixels)
    monkeypatch.setattr(Image.Image, "convert", None)  # it copies even if there is nothing to convert
    np.testing.assert_allclose(np.asarray(to_rgb_or_grey(image, 3)), expected, atol=1)


@pytest.mark.parametrize("shape", [(40, 30), (1, 1200), (1200, 1)])
def test_16_bit_images_are_scaled_in_chunks(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = RNG.integers(0, 65_536, shape, np.uint16)
    sizes: list[int] = []
    take = np.take

    def recorded(table: np.ndarray, indices: np.ndarray, **options: object) -> np.ndarray:
        sizes.append(indices.size)
        return take(table, indices, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(to_rgb, "_CHUNK", 500)
    monkeypatch.setattr(to_rgb.np, "take", recorded)
    scaled = np.asarray(to_rgb_or_grey(Image.fromarray(pixels), 1))
    np.testing.assert_array_equal(scaled, np.rint(pixels / 257))
    assert sizes == [500, 500, 200]
