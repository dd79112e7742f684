"""A process decodes one large image at a time; other images do not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import pytest
from PIL import Image
from support.engine import SQUARES, ToyProject
from support.odd_images import png, saved, smooth

from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.images import decoding, thumbnails
from nextlabel.engine.images.decoding import inspect, measure_upright, prepare
from nextlabel.engine.images.thumbnails import make_thumbnail

WIDTH, HEIGHT = 4000, 3000
LARGE = png(WIDTH, HEIGHT, 8, 0, (b"\x00" + bytes(WIDTH)) * HEIGHT)
SMALL = saved(smooth(64, 64))


class RecordingLock:
    """Stands in for the lock of large images and counts how often it is entered."""

    def __init__(self) -> None:
        self.entered = 0
        self.held = 0

    def __enter__(self) -> None:
        self.entered += 1
        self.held += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.held -= 1


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> RecordingLock:
    recording = RecordingLock()
    monkeypatch.setattr(decoding, "_LARGE_IMAGE_LOCK", recording)
    return recording


def baseline_jpeg() -> bytes:
    return saved(Image.new("RGB", (WIDTH, HEIGHT)), "JPEG")


def separate_scans() -> bytes:
    """A baseline JPEG whose first scan claims to hold one colour component."""
    data = baseline_jpeg()
    components = data.index(b"\xff\xda") + 4
    return data[:components] + b"\x01" + data[components + 1 :]


@pytest.mark.parametrize(
    ("data", "large"),
    [
        (LARGE, True),
        (saved(Image.new("L", (WIDTH, HEIGHT)), "JPEG", progressive=True), True),
        (separate_scans(), True),
        (saved(Image.new("L", (WIDTH, HEIGHT)), "WEBP", lossless=True), True),
        (baseline_jpeg(), False),  # decoded at a reduced size
        (SMALL, False),
        (saved(smooth(64, 64), "WEBP"), False),
        (b"", False),
        (b"a shopping list", False),
        (LARGE[:20], False),
    ],
)
def test_which_images_are_large(data: bytes, large: bool, lock: RecordingLock) -> None:
    try:
        prepare(data, (8, 8), 1)
    except NextlabelError:
        assert data != LARGE
    assert (lock.entered > 0) == large
    assert lock.held == 0


def test_sizes_above_the_default_limit_are_large(lock: RecordingLock) -> None:
    with pytest.raises(NextlabelError, match="does not decode"):
        prepare(png(9_000, 9_000, 8, 0, b""), (8, 8), 1, max_pixels=81_000_000)
    assert lock.entered == 1


@pytest.mark.slow
def test_a_large_webp_is_opened_under_the_limit(lock: RecordingLock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its decoder allocates all pixels when it is created."""
    held: list[int] = []
    opener = decoding._OPENERS["WebP"]
    monkeypatch.setattr(decoding, "_OPENERS", {"WebP": lambda file: held.append(lock.held) or opener(file)})
    data = saved(Image.new("L", (WIDTH, HEIGHT)), "WEBP", lossless=True)
    assert decoding.measure(data) == (WIDTH, HEIGHT)
    prepare(data, (8, 8), 1)
    assert held == [1, 1]


@pytest.mark.parametrize(
    ("module", "name", "read"),
    [
        (decoding, "resize_and_crop", lambda: prepare(LARGE, (8, 8), 1)),
        (decoding, "to_rgb_or_grey", lambda: inspect(LARGE)),
        (thumbnails.Image.Image, "thumbnail", lambda: make_thumbnail(LARGE, 160)),
    ],
)
def test_the_limit_holds_until_the_image_is_small(
    module: Any, name: str, read: Callable[[], object], lock: RecordingLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    original = getattr(module, name)

    def recorded(*arguments: Any, **options: Any) -> Any:
        held.append(lock.held)
        return original(*arguments, **options)

    monkeypatch.setattr(module, name, recorded)
    read()
    assert held == [1]
    assert lock.held == 0


def test_late_metadata_of_a_large_png_is_read_under_the_limit(
    lock: RecordingLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    load = decoding._load
    monkeypatch.setattr(decoding, "_load", lambda kind, image: held.append(lock.held) or load(kind, image))
    data = png(WIDTH, HEIGHT, 8, 0, (b"\x00" + bytes(WIDTH)) * HEIGHT, behind=[(b"tEXt", b"comment\x00text")])
    assert measure_upright(data) == (WIDTH, HEIGHT)
    assert held == [1]


def test_large_images_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    decoding_now, most = [0], [0]
    load = decoding._load

    def slow(kind: str, image: Any) -> None:
        decoding_now[0] += 1
        most[0] = max(most[0], decoding_now[0])
        time.sleep(0.01)
        load(kind, image)
        decoding_now[0] -= 1

    monkeypatch.setattr(decoding, "_load", slow)
    threads = [threading.Thread(target=prepare, args=(LARGE, (8, 8), 1)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_small_images_do_not_wait_for_large_ones() -> None:
    finished = threading.Event()

    def small() -> None:
        prepare(SMALL, (8, 8), 3)
        prepare(baseline_jpeg(), (8, 8), 3)
        finished.set()

    with decoding.decoded(LARGE, (8, 8), 1):
        thread = threading.Thread(target=small)
        thread.start()
        assert finished.wait(30)
    thread.join()


def test_every_use_of_an_upload_holds_the_limit(
    make: Callable[..., ToyProject], lock: RecordingLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(SQUARES).import_dataset().train()
    (item,) = project.add_images([SMALL])
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 100)
    held: list[int] = []
    load = decoding._load
    monkeypatch.setattr(decoding, "_load", lambda kind, image: held.append(lock.held) or load(kind, image))
    other = saved(smooth(60, 60))
    project.project.models.predict_images([other])
    project.project.models.preview(other)
    project.add_images([other])
    project.project.items.thumbnail(item, 160).make()
    project.project.models.predict_ids([item])
    assert held == [1] * 5
