"""Small copies of images, made when they are first asked for and kept while there is room."""

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

from nextlabel.engine.images.decoding import MAX_PIXELS, decode

SIZES = (160, 320)
"""Longest sides there are, in pixels."""
MEDIA_TYPE = "image/webp"
_SHARDS = 256
_SHARP = 128
"""Up to this side an image is kept to the pixel."""
_QUALITY = 80


def thumbnail(data: bytes, size: int, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return an image as a WebP of at most `size` pixels a side, upright; raises as `decoding.prepare` does.

    It is never made larger than it is.
    """
    image = decode(data, (size, size), 3, max_pixels)
    sharp = max(image.size) <= _SHARP
    if max(image.size) > size:
        image.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=None)
    out = BytesIO()
    # the fastest method: a screenful is made while somebody waits for it
    image.save(out, "WEBP", lossless=sharp, quality=_QUALITY, method=2)
    return out.getvalue()


@dataclass(frozen=True)
class Thumbnails:
    """The folder they are kept in: at most `room` bytes, of which each of its 256 parts has its share.

    What is lost is made again, so nothing waits for the disk. The oldest make room for the new.
    """

    folder: Path
    room: int

    def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return what was kept under `key`, else what `make` returns, which is kept from now on."""
        name = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        path = self.folder / name[:2] / name[2:]
        with suppress(OSError):
            if data := path.read_bytes():  # an empty one was cut short by a power failure
                return data
        data = make()
        with suppress(OSError):  # a full disk costs time, and nothing else
            self._keep(path, data)
        return data

    def _keep(self, path: Path, data: bytes) -> None:
        share = self.room // _SHARDS
        if len(data) > share:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{secrets.token_hex(8)}")
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _make_room(path.parent, share)


def _make_room(folder: Path, share: int) -> None:
    files = []
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # another process makes room too
            about = entry.stat()
            files.append((about.st_mtime_ns, about.st_size, entry.path))
    over = sum(size for _, size, _ in files) - share
    for _, size, path in sorted(files):
        if over <= 0:
            break
        Path(path).unlink(missing_ok=True)
        over -= size
