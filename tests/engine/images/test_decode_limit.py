"""Large images are decoded one at a time in a process, and hold up no others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image
from support.engine import SQUARES, ToyProject
from support.odd_images import png, saved, smooth

from nextlabel.engine.images import decoding
from nextlabel.engine.images.decode_limit import Room
from nextlabel.engine.images.decoding import is_large

LARGE = png(4000, 3000, 8, 0, b"")
SMALL = saved(smooth(64, 64))


def test_what_is_large() -> None:
    wide = Image.new("L", (4000, 3000))
    assert is_large(LARGE)
    assert is_large(saved(wide, "JPEG", progressive=True))
    apart = saved(wide.convert("RGB"), "JPEG")
    assert not is_large(apart)
    place = apart.index(b"\xff\xda") + 4
    assert is_large(apart[:place] + b"\x01" + apart[place + 1 :])  # a scan for each colour
    assert is_large(png(30_000, 30_000, 8, 0, b""))
    # decoded small
    assert not is_large(saved(wide, "JPEG"))
    assert not is_large(SMALL)
    for other in (b"", b"a shopping list", LARGE[:20]):
        assert not is_large(other)


def test_large_ones_wait_for_one_another_and_small_ones_for_nobody() -> None:
    room, inside, most = Room(), [0], [0]

    def decode() -> None:
        with room.for_all([SMALL, LARGE]):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            inside[0] -= 1

    threads = [threading.Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    with room.for_all([LARGE]), room.for_all([SMALL]), room.for_all([]):
        pass


def test_whatever_decodes_what_was_sent_takes_its_turn(
    make: Callable[..., ToyProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(SQUARES).bring().train()
    (item,) = project.add_images([SMALL])
    taken = [False]

    @contextmanager
    def noted(room: Room, blobs: Any) -> Any:
        taken[0] = True
        yield
        taken[0] = False

    seen: list[bool] = []
    load = decoding._load
    monkeypatch.setattr(Room, "for_all", noted)
    monkeypatch.setattr(decoding, "_load", lambda kind, image: seen.append(taken[0]) or load(kind, image))
    other = saved(smooth(60, 60))
    project.project.models.predict_images([other])
    project.project.models.preview(other)
    project.add_images([other])
    project.project.items.thumbnail(item, 160).make()
    project.project.models.predict_ids([item])
    assert seen == [True] * 5
