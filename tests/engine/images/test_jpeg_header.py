"""A JPEG's markers are those that libjpeg meets, not every pair of bytes that looks like one."""

from __future__ import annotations

import numpy as np
from support.odd_images import saved, scans, smooth

from nextlabel.engine.images.decoding import MAX_SCANS, decode, inspect
from nextlabel.engine.images.jpeg_header import Markers, markers

BASELINE, PROGRESSIVE, LOSSLESS = 0xC0, 0xC2, 0xC3
IMAGE = saved(smooth(64, 64), "JPEG")
MANY = b"\xff\xda\x00\x02" * 200


def segment(code: int, *content: int) -> bytes:
    return bytes((0xFF, code, 0, len(content) + 2, *content))


def jpeg(*parts: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def frame(code: int, colours: int) -> bytes:
    return segment(code, 8, 0x20, 0, 0x20, 0, colours, *(0, 0x11, 0) * colours)


def scan(colours: int) -> bytes:
    return segment(0xDA, colours, *(0, 0) * colours, 0, 63, 0) + b"\x12\xff\x00\xda\xff\xd0\x34"


def test_ordinary_ones() -> None:
    assert markers(IMAGE) == Markers(BASELINE, 1, apart=False)
    progressive = markers(saved(smooth(64, 64), "JPEG", progressive=True))
    assert (progressive.frame, progressive.whole) == (PROGRESSIVE, True)
    assert 5 < progressive.scans < 20
    assert markers(saved(smooth(64, 64).convert("L"), "JPEG")) == Markers(BASELINE, 1, apart=False)


def test_colours_in_scans_of_their_own_are_held_whole() -> None:
    assert markers(jpeg(frame(BASELINE, 3), scan(3))) == Markers(BASELINE, 1, apart=False)
    found = markers(jpeg(frame(BASELINE, 3), scan(1), scan(1), scan(1)))
    assert found == Markers(BASELINE, 3, apart=True)
    assert found.whole


def test_what_cannot_be_decoded_small() -> None:
    lossless = markers(jpeg(frame(LOSSLESS, 3), scan(3)))
    assert lossless.lossless
    assert lossless.whole
    assert not markers(IMAGE).lossless


def test_what_lies_in_metadata_or_behind_the_end_counts_for_nothing() -> None:
    preview = b"\xff\xd8" + segment(0xE1, *MANY[:200])
    film = np.random.default_rng(0).bytes(10_000_000)
    assert film.count(b"\xff\xda") > MAX_SCANS
    for odd in (IMAGE + film, IMAGE + MANY, preview + IMAGE[2:]):
        assert markers(odd) == markers(IMAGE)
    assert inspect(IMAGE + film) == "image/jpeg"
    assert decode(IMAGE + film, (64, 64), 3).tobytes() == decode(IMAGE, (64, 64), 3).tobytes()


def test_what_libjpeg_would_find_is_found() -> None:
    progressive = saved(smooth(64, 64), "JPEG", progressive=True)
    usual = markers(progressive).scans
    assert markers(scans(progressive, 200)).scans == usual + 200
    # libjpeg passes over what it does not know byte by byte: a length there hides nothing
    hidden = b"\xff\x02" + (65_000).to_bytes(2, "big") + MANY
    assert markers(IMAGE[:-2] + hidden + IMAGE[-2:]).scans == 201


def test_bytes_that_fill_cost_no_more_than_others() -> None:
    """A search that went back in such a run would take an hour."""
    run = b"\xff" * 1_000_000
    assert markers(b"\xff\xd8" + run + b"\x00" + MANY).scans == 200
    assert markers(IMAGE[:-2] + run + IMAGE[-2:]) == markers(IMAGE)


def test_cut_off_anywhere() -> None:
    for end in range(2, len(IMAGE), 7):
        assert markers(IMAGE[:end]).scans <= 1
    assert markers(b"\xff\xd8") == Markers(0, 0, apart=False)
