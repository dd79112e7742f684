"""Odd images, synthetic and real, are decoded correctly or refused with a reason."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from support.odd_images import Odd, odd_images

from nextlabel.contracts.errors import NextlabelError, TooLarge, Unprocessable, Unsupported
from nextlabel.engine.images.decoding import inspect, prepare, resize_and_crop
from nextlabel.engine.images.thumbnails import make_thumbnail
from nextlabel.engine.images.to_rgb import to_rgb_or_grey

CASES = odd_images()
ERRORS = {400: Unsupported, 413: TooLarge, 415: Unsupported, 422: Unprocessable}
SIZE = (32, 32)


@pytest.mark.parametrize("name", [name for name, odd in CASES.items() if odd.status == 200])
@pytest.mark.parametrize("channels", [1, 3])
def test_decodable_images_have_the_right_pixels(name: str, channels: int) -> None:
    odd = CASES[name]
    pixels = prepare(odd.data, SIZE, channels)
    assert pixels.shape == (*SIZE, channels)
    assert inspect(odd.data).startswith("image/")
    if odd.like is not None:
        expected = resize_and_crop(to_rgb_or_grey(odd.like, channels), SIZE)
        assert np.abs(pixels.astype(int) - expected.astype(int)).max() <= 16


@pytest.mark.parametrize("name", [name for name, odd in CASES.items() if odd.status != 200])
def test_other_files_are_refused_with_the_reason(name: str) -> None:
    odd: Odd = CASES[name]
    for read in (inspect, lambda data: prepare(data, SIZE, 3), lambda data: make_thumbnail(data, 160)):
        with pytest.raises(ERRORS[odd.status], match=odd.reason):
            read(odd.data)


# ------------------------------------------------------------------------------ real ones


@pytest.fixture
def folder() -> Path:
    path = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere") / "odd_images"
    if not path.is_dir():
        pytest.skip("there is no folder odd_images where NEXTLABEL_DATA points to")
    return path


def decoded_by_pillow(path: Path) -> Image.Image | None:
    """Return a file as Pillow decodes it; None if it does not, or if the format is not supported."""
    try:
        with Image.open(path, formats=["JPEG", "PNG", "WEBP"]) as image:
            image.load()
            return image
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_exactly_the_files_that_pillow_decodes_are_accepted(folder: Path) -> None:
    counts = {True: 0, False: 0}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        image = decoded_by_pillow(path)
        counts[image is not None] += 1
        if image is None:
            with pytest.raises((Unsupported, Unprocessable, TooLarge)):
                prepare(path, SIZE, 3)
            with pytest.raises((Unsupported, Unprocessable, TooLarge)):
                inspect(path.read_bytes())
            continue
        try:
            pixels = prepare(path, SIZE, 3).astype(int)
        except NextlabelError as error:
            raise AssertionError(f"{path}: {error}") from error
        expected = resize_and_crop(to_rgb_or_grey(ImageOps.exif_transpose(image), 3), SIZE).astype(int)
        assert np.abs(pixels - expected).mean() < 6, path
    assert min(counts.values()) > 100


@pytest.mark.parametrize("scene", ["Landscape", "Portrait"])
def test_eight_orientations_of_an_image_look_the_same(folder: Path, scene: str) -> None:
    """Each shows its own number, which changes a few pixels of the model's input."""
    first, *others = [
        prepare(folder / "exif_orientation" / f"{scene}_{way}.jpg", SIZE, 3).astype(int) for way in range(1, 9)
    ]
    for other in others:
        assert np.abs(other - first).mean() < 0.6


@pytest.mark.parametrize("name", ["jpg-cmyk-1", "jpg-cmyk-2"])
def test_cmyk_matches_the_reference(folder: Path, name: str) -> None:
    image = folder / "jpeg_decoder" / "tests" / "reftest" / "images" / "mozilla" / name
    pixels, expected = (prepare(image.with_suffix(end), SIZE, 3).astype(int) for end in (".jpg", ".png"))
    assert np.abs(pixels - expected).mean() < 2
