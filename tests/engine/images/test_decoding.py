"""Decoding of every orientation, mode and bit depth, and refusal of everything else."""

from __future__ import annotations

import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.odd_images import saved, smooth, stored

from nextlabel.contracts.errors import TooLarge, Unprocessable, Unsupported
from nextlabel.engine.images.decoding import crop_box, encode_png, inspect, prepare, prepare_whole, resize_and_crop

SIZE = (32, 32)


def assert_close(actual: np.ndarray, expected: np.ndarray, mean: float = 1.0, most: float = 6.0) -> None:
    difference = np.abs(actual.astype(float) - expected.astype(float))
    assert difference.mean() < mean
    assert difference.max() < most


# ------------------------------------------------------------------------------ geometry


@pytest.mark.parametrize(("width", "height"), [(64, 64), (200, 100), (100, 200), (31, 500), (7, 9), (1, 1)])
def test_any_shape_covers_the_size(width: int, height: int) -> None:
    assert prepare(saved(smooth(width, height)), SIZE, 3).shape == (32, 32, 3)
    assert prepare(saved(smooth(width, height)), (20, 10), 1).shape == (20, 10, 1)


def test_the_centre_is_cropped() -> None:
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    assert (prepare(saved(image), SIZE, 3)[:, 2:-2] == (0, 0, 255)).all()


def test_an_image_of_the_right_size_is_unchanged() -> None:
    image = smooth(32, 32)
    np.testing.assert_array_equal(prepare(saved(image), SIZE, 3), np.asarray(image))


def test_every_pair_of_sizes_survives_rounding() -> None:
    for target in (1, 3, 28, 49, 96, 224):
        for side in range(1, 130):
            assert resize_and_crop(Image.new("L", (side, side)), (target, target)).shape == (target, target, 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_orientation_is_turned_upright(orientation: int, kind: str) -> None:
    options = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95}, "PNG": {}}[kind]
    pixels = prepare(stored(smooth(160, 96), orientation, kind, **options), (24, 40), 3)
    assert_close(pixels, resize_and_crop(smooth(160, 96), (24, 40)), mean=3, most=16)


def test_all_orientations_of_an_image_give_the_same_pixels() -> None:
    first, *others = [prepare(stored(smooth(161, 96), orientation), SIZE, 3) for orientation in range(1, 9)]
    for other in others:
        np.testing.assert_array_equal(other, first)


# --------------------------------------------------------------------------------- modes


def test_grey_and_colour_are_converted() -> None:
    grey = smooth(64, 64).convert("L")
    rgb = prepare(saved(grey), SIZE, 3)
    assert (rgb == rgb[:, :, :1]).all()
    np.testing.assert_array_equal(prepare(saved(grey), SIZE, 1)[:, :, 0], rgb[:, :, 0])
    assert_close(prepare(saved(smooth(64, 64)), SIZE, 1), resize_and_crop(grey, SIZE))


@pytest.mark.parametrize("channels", [1, 3])
def test_cmyk(channels: int) -> None:
    image = smooth(64, 64)
    data = saved(image.convert("CMYK"), "JPEG", quality=95)
    mode = "L" if channels == 1 else "RGB"
    assert_close(prepare(data, SIZE, channels), resize_and_crop(image.convert(mode), SIZE), mean=4, most=24)


def test_transparency_becomes_white() -> None:
    image = smooth(32, 32).convert("RGBA")
    image.putalpha(0)
    assert (prepare(saved(image), SIZE, 3) == 255).all()
    image.putalpha(255)
    np.testing.assert_array_equal(prepare(saved(image), SIZE, 3), np.asarray(smooth(32, 32)))
    grey = Image.new("LA", (32, 32), (0, 127))
    assert (abs(prepare(saved(grey), SIZE, 1).astype(int) - 128) <= 1).all()


def test_palettes() -> None:
    image = Image.new("P", (32, 32), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    assert (prepare(saved(image), SIZE, 3) == (0, 0, 255)).all()
    assert (prepare(saved(image, transparency=1), SIZE, 3) == 255).all()
    assert (prepare(saved(image, transparency=b"\xff\x00"), SIZE, 3) == 255).all()
    bits = Image.new("1", (32, 32), 1)
    assert (prepare(saved(bits), SIZE, 3) == 255).all()


@pytest.mark.parametrize("brightest", [65535, 300, 200])
def test_16_bit_images_are_scaled(brightest: int) -> None:
    """A dark image stays dark: level 200 of 65535 is black."""
    levels = np.linspace(0, brightest, 32 * 32).reshape(32, 32).astype(np.uint16)
    pixels = prepare(saved(Image.fromarray(levels)), SIZE, 1)[:, :, 0]
    np.testing.assert_allclose(pixels, levels / 257, atol=1)


@pytest.mark.parametrize("options", [{"progressive": True}, {"optimize": True}, {"subsampling": 2}])
def test_jpeg_encodings(options: dict[str, Any]) -> None:
    assert_close(
        prepare(saved(smooth(200, 200), "JPEG", quality=95, **options), SIZE, 3),
        resize_and_crop(smooth(200, 200), SIZE),
        3,
        16,
    )


@pytest.mark.parametrize(("width", "height"), [(640, 480), (479, 641), (1000, 260), (263, 1501), (64, 64), (65, 127)])
@pytest.mark.parametrize("size", [(32, 32), (24, 48), (100, 31)])
def test_reduced_jpeg_decoding_matches_full_decoding(width: int, height: int, size: tuple[int, int]) -> None:
    data = saved(smooth(width, height), "JPEG", quality=95)
    full = Image.open(BytesIO(data))
    full.load()
    assert_close(prepare(data, size, 3), resize_and_crop(full, size), mean=2.5, most=14)


def test_reduced_jpeg_decoding_preserves_detail() -> None:
    """Averages over 8 x 8 pixels would be off by 8 levels of 255 here."""
    stripes = np.indices((340, 500)).sum(axis=0) % 24 < 12
    data = saved(Image.fromarray(np.where(stripes, 230, 20).astype(np.uint8)).convert("RGB"), "JPEG", quality=95)
    full = Image.open(BytesIO(data))
    full.load()
    assert_close(prepare(data, SIZE, 3), resize_and_crop(full, SIZE), mean=2, most=10)


def test_only_the_first_image_of_a_multi_image_jpeg_is_used() -> None:
    out = BytesIO()
    smooth(64, 64).save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    assert Image.open(BytesIO(out.getvalue())).format == "MPO"
    assert inspect(out.getvalue()) == "image/jpeg"
    assert_close(prepare(out.getvalue(), SIZE, 3), resize_and_crop(smooth(64, 64), SIZE), mean=3, most=16)


# ------------------------------------------------------------------------------- refused


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_inspect_returns_the_media_type(kind: str) -> None:
    assert inspect(saved(smooth(9, 9), kind)) == f"image/{kind.lower()}"


@pytest.mark.parametrize("data", [b"", b"no image", b"\x00" * 100, b"<svg xmlns='x'/>", b"%PDF-1.7"])
@pytest.mark.parametrize("read", [inspect, lambda data: prepare(data, SIZE, 3)])
def test_files_that_are_no_image_are_refused(data: bytes, read: Any) -> None:
    with pytest.raises(Unsupported, match="JPEG, PNG or WebP"):
        read(data)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO"])
def test_other_formats_are_refused_by_content(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    smooth(32, 32).save(path, kind)
    with pytest.raises(Unsupported):
        inspect(path.read_bytes())
    with pytest.raises(Unsupported):
        prepare(path, SIZE, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_image_does_not_decode(kind: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    data = saved(noise, kind)
    for read in (inspect, lambda data: prepare(data, SIZE, 3)):
        with pytest.raises(Unprocessable, match="does not decode"):
            read(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_damaged_files_raise_only_decode_errors(kind: str) -> None:
    data = saved(smooth(24, 24), kind)
    rng = np.random.default_rng(1)
    broken = [data[:cut] for cut in range(0, len(data), max(1, len(data) // 40))]
    for _ in range(60):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
        broken.append(bytes(changed))
    for damaged in broken:
        for read in (inspect, lambda data: prepare(data, (8, 8), 3)):
            with suppress(Unsupported, Unprocessable, TooLarge):
                read(damaged)


def test_too_many_pixels() -> None:
    data = saved(smooth(20, 10))
    assert inspect(data, 200) == "image/png"
    for read in (lambda: inspect(data, 199), lambda: prepare(data, SIZE, 3, 199)):
        with pytest.raises(TooLarge, match="20 x 10 pixels; at most 199"):
            read()


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_decompression_bomb_is_refused_before_decoding(side: int) -> None:
    header = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    chunk = b"IHDR" + header
    ihdr = len(header).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    with pytest.raises(TooLarge, match="at most 50,000,000"):
        inspect(b"\x89PNG\r\n\x1a\n" + ihdr + b"\x00\x00\x10\x00IDAT" + bytes(4096))


def test_crop_box() -> None:
    assert crop_box(300, 100, (32, 32)) == (100, 0, 200, 100)
    assert crop_box(100, 300, (16, 32)) == (0, 125, 100, 175)
    assert crop_box(1, 3000, (32, 32)) == (0, 1499.5, 1, 1500.5)
    assert crop_box(64, 64, (32, 32)) == (0, 0, 64, 64)


def test_an_uncropped_image_keeps_its_shape():
    array = np.zeros((30, 50, 3), np.uint8)
    array[:, :25] = 255
    pixels = prepare_whole(encode_png(array), 10, 3)
    assert pixels.shape == (10, 17, 3)
    assert pixels.mean() == pytest.approx(127.5, abs=1)
    assert prepare_whole(encode_png(array[:10, :10]), 20, 1).shape == (20, 20, 1)
    assert prepare_whole(encode_png(array[:5, :40]), 2, 3).shape == (2, 16, 3)
    with pytest.raises(Unprocessable, match="41 x 5 pixels; a side may be at most 8 times the other"):
        prepare_whole(encode_png(array[:5, :41]), 2, 3)
