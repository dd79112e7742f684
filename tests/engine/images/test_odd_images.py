"""Odd images, those the tests write and real ones: seen as they are, or refused with a reason."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from support.odd_images import Odd, odd_images

from nextlabel.contracts.errors import NextlabelError, TooLarge, Unprocessable, Unsupported
from nextlabel.engine.images.decoding import fit, inspect, prepare
from nextlabel.engine.images.thumbnails import thumbnail
from nextlabel.engine.images.to_rgb import flat

CASES = odd_images()
REFUSED = {400: Unsupported, 413: TooLarge, 415: Unsupported, 422: Unprocessable}
SIZE = (32, 32)


@pytest.mark.parametrize("name", [name for name, odd in CASES.items() if odd.status == 200])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_decodes_is_seen_as_it_is(name: str, channels: int) -> None:
    odd = CASES[name]
    seen = prepare(odd.data, SIZE, channels)
    assert seen.shape == (*SIZE, channels)
    assert inspect(odd.data).startswith("image/")
    if odd.like is not None:
        wanted = fit(flat(odd.like, channels), SIZE)
        assert np.abs(seen.astype(int) - wanted.astype(int)).max() <= 16


@pytest.mark.parametrize("name", [name for name, odd in CASES.items() if odd.status != 200])
def test_what_does_not_decode_is_refused_with_the_reason(name: str) -> None:
    odd: Odd = CASES[name]
    for read in (inspect, lambda data: prepare(data, SIZE, 3), lambda data: thumbnail(data, 160)):
        with pytest.raises(REFUSED[odd.status], match=odd.reason):
            read(odd.data)


# ------------------------------------------------------------------------------ real ones


@pytest.fixture
def folder() -> Path:
    found = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere") / "odd_images"
    if not found.is_dir():
        pytest.skip("there is no folder odd_images where NEXTLABEL_DATA points to")
    return found


def whole(path: Path) -> Image.Image | None:
    """What Pillow makes of a file by itself; None where it does not decode, or is of a format not read here."""
    try:
        with Image.open(path, formats=["JPEG", "PNG", "WEBP"]) as image:
            image.load()
            return image
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return None


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_what_pillow_decodes_is_seen_and_the_rest_refused(folder: Path) -> None:
    counted = {True: 0, False: 0}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        image = whole(path)
        counted[image is not None] += 1
        if image is None:
            with pytest.raises((Unsupported, Unprocessable, TooLarge)):
                prepare(path, SIZE, 3)
            with pytest.raises((Unsupported, Unprocessable, TooLarge)):
                inspect(path.read_bytes())
            continue
        try:
            seen = prepare(path, SIZE, 3).astype(int)
        except NextlabelError as error:
            raise AssertionError(f"{path}: {error}") from error
        wanted = fit(flat(ImageOps.exif_transpose(image), 3), SIZE).astype(int)
        assert np.abs(seen - wanted).mean() < 6, path
    assert min(counted.values()) > 100


@pytest.mark.parametrize("scene", ["Landscape", "Portrait"])
def test_one_image_stored_in_eight_ways_is_one_image(folder: Path, scene: str) -> None:
    """Each of them has its own number written into it, which is a few pixels of the model's."""
    seen = [prepare(folder / "exif_orientation" / f"{scene}_{way}.jpg", SIZE, 3).astype(int) for way in range(1, 9)]
    for other in seen[1:]:
        assert np.abs(other - seen[0]).mean() < 0.6


@pytest.mark.parametrize("name", ["jpg-cmyk-1", "jpg-cmyk-2"])
def test_four_colours_are_those_of_the_reference(folder: Path, name: str) -> None:
    found = folder / "jpeg_decoder" / "tests" / "reftest" / "images" / "mozilla" / name
    seen, wanted = (prepare(found.with_suffix(end), SIZE, 3).astype(int) for end in (".jpg", ".png"))
    assert np.abs(seen - wanted).mean() < 2
