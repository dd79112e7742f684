"""Which way up an image is, wherever it says so, and whatever else it says."""

from __future__ import annotations

import warnings
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin
from support.odd_images import BACK, exif_block, saved, smooth, stored

from nextlabel.engine.images.orientation import orientation, sideways, upright


@pytest.mark.parametrize("way", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_it_is_read_as_pillow_reads_it(way: int, kind: str) -> None:
    image = Image.open(BytesIO(stored(smooth(20, 10), way, kind)))
    image.load()
    assert orientation(image.info) == way
    assert sideways(image.info) == (way in range(5, 9))
    np.testing.assert_array_equal(np.asarray(upright(image)), np.asarray(ImageOps.exif_transpose(image)))
    assert upright(image).size == (20, 10)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_either_byte_order_and_every_whole_number(order: str, kind: int) -> None:
    block = exif_block((0x0100, 4, 1, 99), (0x0112, kind, 1, 6), order=order)
    assert orientation({"exif": block}) == 6
    assert orientation({"exif": block[6:]}) == 6
    assert orientation({"exif": b"Exif\x00\x00" + block}) == 6


def test_what_else_is_broken_does_not_matter() -> None:
    block = exif_block((0x010F, 2, 10**9, 10**9), (0x0112, 3, 1, 8), (0x8769, 4, 1, 10**9))
    assert orientation({"exif": block}) == 8
    for cut in range(len(block)):
        assert orientation({"exif": block[:cut]}) in (1, 8)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_a_number_that_is_no_orientation_turns_nothing(value: int) -> None:
    assert orientation({"exif": exif_block((0x0112, 3, 1, value))}) == 1
    assert orientation({"exif": exif_block((0x0112, 5, 1, 6))}) == 1


@pytest.mark.parametrize(
    "info", [{}, {"exif": b""}, {"exif": "text"}, {"exif": b"Exif\x00\x00XX\x00*"}, {"xmp": "text"}]
)
def test_without_any_it_is_upright(info: dict[str, object]) -> None:
    assert orientation(info) == 1


def test_the_text_that_stands_for_it_in_a_png() -> None:
    digits = exif_block((0x0112, 3, 1, 5)).hex()
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n  {len(digits) // 2}\n{digits[:40]}\n{digits[40:]}\n")
    image = Image.open(BytesIO(saved(smooth(4, 4), pnginfo=text)))
    image.load()
    assert orientation(image.info) == 5
    assert orientation({"Raw profile type exif": "\nexif\n 3\nno digits"}) == 1


@pytest.mark.parametrize("said", [b'tiff:Orientation="3"', b"<tiff:Orientation>3</tiff:Orientation>"])
def test_xmp_counts_where_there_is_no_exif(said: bytes) -> None:
    assert orientation({"xmp": b"<x>" + said}) == 3
    assert orientation({"xmp": b"<x>" + said, "exif": exif_block((0x0112, 3, 1, 1))}) == 1


def test_nothing_warns() -> None:
    data = saved(smooth(8, 8), "JPEG", exif=exif_block((0x011A, 5, 1, 10**9), (0x0112, 3, 1, 6)))
    from nextlabel.engine.images.decoding import prepare

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare(data, (8, 8), 3)


def test_the_numbers_of_the_tests_are_all_of_them() -> None:
    assert set(BACK) == set(range(2, 9))
