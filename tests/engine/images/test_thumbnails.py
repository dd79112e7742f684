"""Thumbnails are kept while there is room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.odd_images import saved, smooth

from nextlabel.contracts.errors import TooLarge, Unsupported
from nextlabel.engine.images.thumbnails import Thumbnails, thumbnail


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_kept_is_not_made_again(tmp_path: Path) -> None:
    kept = Thumbnails(tmp_path, 1_000_000)
    made = []
    for _ in range(3):
        assert kept.get("a", lambda: made.append(1) or b"small") == b"small"
    assert made == [1]
    assert kept.get("b", lambda: b"other") == b"other"
    assert len(files(tmp_path)) == 2


def test_the_oldest_make_room(tmp_path: Path) -> None:
    room = 256 * 100  # a hundred bytes a part: three of thirty
    kept = Thumbnails(tmp_path, room)
    parts: dict[Path, list[Path]] = {}
    for number in range(1200):
        before = set(files(tmp_path)) if number % 100 == 0 else None
        kept.get(str(number), lambda: b"x" * 30)
        if before is not None:
            (made,) = set(files(tmp_path)) - before
            parts.setdefault(made.parent, []).append(made)
            os.utime(made, (2**33, 2**33))  # newer than all others
    assert sum(path.stat().st_size for path in files(tmp_path)) <= room
    assert max(len(files(folder)) for folder in tmp_path.iterdir()) == 3
    assert all(path.exists() for made in parts.values() for path in made[-3:])


@pytest.mark.parametrize("room", [0, 255])
def test_without_room_each_is_made_anew(tmp_path: Path, room: int) -> None:
    kept = Thumbnails(tmp_path / "none", room)
    assert [kept.get("a", lambda: b"small") for _ in range(2)] == [b"small"] * 2
    assert files(tmp_path) == []


def test_one_cut_short_by_a_crash_is_made_again(tmp_path: Path) -> None:
    kept = Thumbnails(tmp_path, 1_000_000)
    kept.get("a", lambda: b"small")
    files(tmp_path)[0].write_bytes(b"")
    assert kept.get("a", lambda: b"again") == b"again"
    assert files(tmp_path)[0].read_bytes() == b"again"


def test_a_disk_that_takes_nothing_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert Thumbnails(tmp_path / "file", 1_000_000).get("a", lambda: b"small") == b"small"


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(Unsupported):
        thumbnail(b"no image", 160)
    with pytest.raises(TooLarge):
        thumbnail(saved(smooth(64, 64)), 160, max_pixels=100)
