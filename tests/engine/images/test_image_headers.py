"""Reading JPEG and WebP headers before decoding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.odd_images import saved, smooth, with_extra_scans

from nextlabel.contracts.errors import TooLarge, Unprocessable
from nextlabel.engine.images.decoding import MAX_SCANS, decoded, inspect, prepare
from nextlabel.engine.images.image_headers import JpegHeader, read_jpeg_header, read_webp_size

# ----------------------------------------------------------------------------------- JPEG

BASELINE, PROGRESSIVE, LOSSLESS = 0xC0, 0xC2, 0xC3
IMAGE = saved(smooth(64, 64), "JPEG")
MANY_SCANS = b"\xff\xda\x00\x02" * 200


def segment(code: int, *content: int) -> bytes:
    return bytes((0xFF, code, 0, len(content) + 2, *content))


def jpeg(*parts: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def frame(code: int, components: int) -> bytes:
    return segment(code, 8, 0x20, 0, 0x20, 0, components, *(0, 0x11, 0) * components)


def scan(components: int) -> bytes:
    return segment(0xDA, components, *(0, 0) * components, 0, 63, 0) + b"\x12\xff\x00\xda\xff\xd0\x34"


def test_ordinary_jpegs() -> None:
    assert read_jpeg_header(IMAGE) == JpegHeader(BASELINE, 1, separate=False)
    progressive = read_jpeg_header(saved(smooth(64, 64), "JPEG", progressive=True))
    assert (progressive.frame, progressive.needs_full_size) == (PROGRESSIVE, True)
    assert 5 < progressive.scans < 20
    grey = saved(smooth(64, 64).convert("L"), "JPEG")
    assert read_jpeg_header(grey) == JpegHeader(BASELINE, 1, separate=False)


def test_separate_scans_per_component_need_the_full_size() -> None:
    assert read_jpeg_header(jpeg(frame(BASELINE, 3), scan(3))) == JpegHeader(BASELINE, 1, separate=False)
    header = read_jpeg_header(jpeg(frame(BASELINE, 3), scan(1), scan(1), scan(1)))
    assert header == JpegHeader(BASELINE, 3, separate=True)
    assert header.needs_full_size


def test_lossless_jpegs_are_recognised() -> None:
    lossless = read_jpeg_header(jpeg(frame(LOSSLESS, 3), scan(3)))
    assert lossless.lossless
    assert lossless.needs_full_size
    assert not read_jpeg_header(IMAGE).lossless


def test_metadata_and_trailing_data_are_not_counted() -> None:
    preview = b"\xff\xd8" + segment(0xE1, *MANY_SCANS[:200])
    video = np.random.default_rng(0).bytes(10_000_000)
    assert video.count(b"\xff\xda") > MAX_SCANS
    for data in (IMAGE + video, IMAGE + MANY_SCANS, preview + IMAGE[2:]):
        assert read_jpeg_header(data) == read_jpeg_header(IMAGE)
    assert inspect(IMAGE + video) == "image/jpeg"
    with decoded(IMAGE + video, (64, 64), 3) as with_video, decoded(IMAGE, (64, 64), 3) as alone:
        assert with_video.tobytes() == alone.tobytes()


def test_every_scan_that_libjpeg_reads_is_counted() -> None:
    progressive = saved(smooth(64, 64), "JPEG", progressive=True)
    usual = read_jpeg_header(progressive).scans
    assert read_jpeg_header(with_extra_scans(progressive, 200)).scans == usual + 200
    # libjpeg skips unknown markers byte by byte, so the length behind one hides nothing
    hidden = b"\xff\x02" + (65_000).to_bytes(2, "big") + MANY_SCANS
    assert read_jpeg_header(IMAGE[:-2] + hidden + IMAGE[-2:]).scans == 201


def test_fill_bytes_take_linear_time() -> None:
    """A search that backtracks in such a run would take an hour."""
    run = b"\xff" * 1_000_000
    assert read_jpeg_header(b"\xff\xd8" + run + b"\x00" + MANY_SCANS).scans == 200
    assert read_jpeg_header(IMAGE[:-2] + run + IMAGE[-2:]) == read_jpeg_header(IMAGE)


def test_truncated_jpegs_are_read_as_far_as_possible() -> None:
    for end in range(2, len(IMAGE), 7):
        assert read_jpeg_header(IMAGE[:end]).scans <= 1
    assert read_jpeg_header(b"\xff\xd8") == JpegHeader(0, 0, separate=False)


# ----------------------------------------------------------------------------------- WebP

CHUNKS: dict[bytes, tuple[str, dict[str, Any]]] = {
    b"VP8 ": ("RGB", {"quality": 80}),
    b"VP8L": ("RGB", {"lossless": True}),
    b"VP8X": ("RGBA", {"quality": 80}),
}


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("size", [(1, 1), (300, 17), (16_383, 1), (1, 16_383)])
def test_webp_size_is_read_from_each_kind_of_chunk(chunk: bytes, size: tuple[int, int]) -> None:
    mode, options = CHUNKS[chunk]
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], len(mode)), np.uint8)
    data = saved(Image.fromarray(noise), "WEBP", **options)
    assert data[12:16] == chunk
    assert read_webp_size(data) == size


def test_webp_without_a_size_does_not_decode() -> None:
    data = saved(Image.new("RGB", (64, 64)), "WEBP")
    for broken in (data[:29], data[:12] + b"ALPH" + data[16:], data[:23] + b"abc" + data[26:]):
        assert read_webp_size(broken) is None
        with pytest.raises(Unprocessable, match="the WebP does not decode"):
            prepare(broken, (8, 8), 3)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_too_large_webp_is_refused_before_a_decoder_exists(chunk: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    mode, options = CHUNKS[chunk]
    data = saved(Image.new(mode, (300, 17)), "WEBP", **options)
    assert prepare(data, (8, 8), 3, 300 * 17).shape == (8, 8, 3)
    monkeypatch.setattr("PIL.WebPImagePlugin.WebPImageFile.__init__", None)
    with pytest.raises(TooLarge, match=r"the image has 300 x 17 pixels; at most 5,099 are allowed"):
        prepare(data, (8, 8), 3, 300 * 17 - 1)


def test_pillows_own_limit_is_reported_as_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.new("RGB", (300, 17)), "WEBP")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(TooLarge, match="the WebP has more pixels than its decoder accepts"):
        prepare(data, (8, 8), 3)
