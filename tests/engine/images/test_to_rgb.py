"""Eight bits of grey or colour out of any kind of pixels, without copies that a large image has no room for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nextlabel.engine.images import to_rgb
from nextlabel.engine.images.to_rgb import flat

RNG = np.random.default_rng(0)


def test_what_is_as_wanted_is_not_copied() -> None:
    for mode, channels in (("L", 1), ("RGB", 3)):
        image = Image.new(mode, (4, 4))
        assert flat(image, channels) is image


def test_transparency_is_not_converted_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = RNG.integers(0, 256, (9, 7, 4), np.uint8)
    share = pixels[..., 3:] / 255
    wanted = pixels[..., :3] * share + 255 * (1 - share)
    image = Image.fromarray(pixels)
    monkeypatch.setattr(Image.Image, "convert", None)  # it copies, also where there is nothing to convert
    np.testing.assert_allclose(np.asarray(flat(image, 3)), wanted, atol=1)


@pytest.mark.parametrize("shape", [(40, 30), (1, 1200), (1200, 1)])
def test_sixteen_bits_are_scaled_in_pieces(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    deep = RNG.integers(0, 65_536, shape, np.uint16)
    sizes: list[int] = []
    take = np.take

    def noted(levels: np.ndarray, places: np.ndarray, **how: object) -> np.ndarray:
        sizes.append(places.size)
        return take(levels, places, **how)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(to_rgb, "_PIECE", 500)
    monkeypatch.setattr(to_rgb.np, "take", noted)
    seen = np.asarray(flat(Image.fromarray(deep), 1))
    np.testing.assert_array_equal(seen, np.rint(deep / 257))
    assert sizes == [500, 500, 200]
