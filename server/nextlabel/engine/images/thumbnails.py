"""Creates thumbnails and caches them on disk."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from PIL import Image

from nextlabel.engine.images.decoding import MAX_PIXELS, decoded

SIZES = (160, 320)
"""Available longest sides, in pixels."""
MEDIA_TYPE = "image/webp"
_SHARDS = 256
_MAX_LOSSLESS_SIDE = 128
"""Longest side in pixels up to which an image is encoded without loss."""
_QUALITY = 80


def make_thumbnail(data: bytes, size: int, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return an image, upright, as a WebP whose sides have at most `size` pixels; never enlarges it.

    Raises the errors of `decoding.prepare`.
    """
    with decoded(data, (size, size), 3, max_pixels) as image:
        lossless = max(image.size) <= _MAX_LOSSLESS_SIDE
        if max(image.size) > size:
            image.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=None)
    out = BytesIO()
    # a fast method: users wait while a screenful of them is created
    image.save(out, "WEBP", lossless=lossless, quality=_QUALITY, method=2)
    return out.getvalue()


@dataclass(frozen=True)
class ThumbnailCache:
    """A folder of thumbnails, limited to `capacity` bytes that its 256 sub-folders share equally.

    The oldest files are deleted first. Losing a file is harmless because it can be created
    again, so writes are not synced to disk.
    """

    folder: Path
    capacity: int

    def get(self, key: str, create: Callable[[], bytes]) -> bytes:
        """Return the content cached under `key`, or else call `create` and cache what it returns."""
        name = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        path = self.folder / name[:2] / name[2:]
        with suppress(OSError):
            if data := path.read_bytes():  # an empty file was truncated by a power failure
                return data
        data = create()
        with suppress(OSError):  # without disk space, thumbnails are only slower
            self._store(path, data)
        return data

    def _store(self, path: Path, data: bytes) -> None:
        share = self.capacity // _SHARDS
        if len(data) > share:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{secrets.token_hex(8)}")
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _delete_oldest(path.parent, share)


def _delete_oldest(folder: Path, share: int) -> None:
    files = []
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # another process may delete files too
            stat = entry.stat()
            files.append((stat.st_mtime_ns, stat.st_size, entry.path))
    excess = sum(size for _, size, _ in files) - share
    for _, size, path in sorted(files):
        if excess <= 0:
            break
        Path(path).unlink(missing_ok=True)
        excess -= size
