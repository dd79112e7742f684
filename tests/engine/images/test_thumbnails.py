"""Thumbnails are cached within a limited folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.odd_images import saved, smooth

from nextlabel.contracts.errors import TooLarge, Unsupported
from nextlabel.engine.images.thumbnails import ThumbnailCache, make_thumbnail


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_cached_thumbnails_are_not_created_again(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path, 1_000_000)
    created = []
    for _ in range(3):
        assert cache.get("a", lambda: created.append(1) or b"small") == b"small"
    assert created == [1]
    assert cache.get("b", lambda: b"other") == b"other"
    assert len(files(tmp_path)) == 2


@pytest.mark.slow
def test_the_oldest_are_deleted_first(tmp_path: Path) -> None:
    capacity = 256 * 100  # 100 bytes per sub-folder: three files of 30
    cache = ThumbnailCache(tmp_path, capacity)
    newest: dict[Path, list[Path]] = {}
    for number in range(1200):
        before = set(files(tmp_path)) if number % 100 == 0 else None
        cache.get(str(number), lambda: b"x" * 30)
        if before is not None:
            (created,) = set(files(tmp_path)) - before
            newest.setdefault(created.parent, []).append(created)
            os.utime(created, (2**33, 2**33))  # newer than all others
    assert sum(path.stat().st_size for path in files(tmp_path)) <= capacity
    assert max(len(files(folder)) for folder in tmp_path.iterdir()) == 3
    assert all(path.exists() for paths in newest.values() for path in paths[-3:])


@pytest.mark.parametrize("capacity", [0, 255])
def test_without_capacity_nothing_is_cached(tmp_path: Path, capacity: int) -> None:
    cache = ThumbnailCache(tmp_path / "none", capacity)
    assert [cache.get("a", lambda: b"small") for _ in range(2)] == [b"small"] * 2
    assert files(tmp_path) == []


def test_a_file_truncated_by_a_crash_is_created_again(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path, 1_000_000)
    cache.get("a", lambda: b"small")
    files(tmp_path)[0].write_bytes(b"")
    assert cache.get("a", lambda: b"again") == b"again"
    assert files(tmp_path)[0].read_bytes() == b"again"


def test_a_disk_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert ThumbnailCache(tmp_path / "file", 1_000_000).get("a", lambda: b"small") == b"small"


def test_undecodable_images_are_refused() -> None:
    with pytest.raises(Unsupported):
        make_thumbnail(b"no image", 160)
    with pytest.raises(TooLarge):
        make_thumbnail(saved(smooth(64, 64)), 160, max_pixels=100)
