"""A project's pool on disk: what a data set brought, copied out of it once, and what people added.

After this no process but the importing one needs the data set's plugin (which may import
torch): arrays are memory-mapped, files and uploads are read by path.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nextlabel.contracts.data import (
    Content,
    Contents,
    Files,
    FloatArray,
    GraphItems,
    ImageItems,
    IntArray,
    Items,
    Pixels,
    VectorItems,
)
from nextlabel.contracts.errors import Gone, PluginError, Unprocessable
from nextlabel.engine.images.decoding import encode
from nextlabel.engine.images.image_items import FileItems, JoinedItems, PixelItems
from nextlabel.engine.images.unreadable import Unread
from nextlabel.store.home import Home
from nextlabel.store.items import ItemRow

Kind = Literal["image", "vector", "node"]
_ABOUT = "pool.json"
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say nothing of the file."""
LEFT_OUT = "left-out.txt"


def write_pool(folder: Path, contents: Contents, left_out: Sequence[str] = ()) -> None:
    """Write what a data set holds, but for file images, which stay where they are.

    `left_out`: a line for each that is not in the pool, with the reason.
    """
    about: dict[str, Any] = {"kind": kind_of(contents.content), "test": None, "channels": None}
    about.update(_write_content(folder, "pool", contents.content))
    if contents.truth is not None:
        np.save(folder / "truth.npy", contents.truth)
    if contents.test is not None:
        about["test"] = _write_content(folder, "test", contents.test.content)
        np.save(folder / "test-truth.npy", contents.test.truth)
    if left_out:
        # a name need not be text
        (folder / LEFT_OUT).write_text("".join(f"{line}\n" for line in left_out), "utf-8", "backslashreplace")
    (folder / _ABOUT).write_text(json.dumps(about))


def gone(row: ItemRow, error: OSError) -> Exception:
    """Return what to raise where the file of an item is no longer there, or cannot be read."""
    if error.errno in _OURS:
        return error
    if isinstance(error, FileNotFoundError):
        return Gone(f"the file of item {row.id!r} is no longer there: {row.path}")
    return Gone(f"the file of item {row.id!r} cannot be read ({error.strerror}): {row.path}")


def kind_of(content: Content) -> Kind:
    """Return what the items are."""
    if isinstance(content, GraphItems):
        return "node"
    return "vector" if isinstance(content, VectorItems) else "image"


@dataclass(frozen=True)
class PoolFolder:
    """The written pool, memory-mapped on demand."""

    home: Home
    folder: Path
    kind: Kind
    about: dict[str, Any]

    @classmethod
    def open(cls, home: Home, project: str, *, brought: bool = True) -> PoolFolder:
        """Open what `write_pool` wrote for a project; `brought`: by its data set, else for people to fill."""
        folder = home.pool(project) if brought else home.empty_pool(project)
        about = json.loads((folder / _ABOUT).read_text())
        return cls(home, folder, about["kind"], about)

    @property
    def truth(self) -> IntArray | FloatArray | None:
        """(n,): what the data set knows, or None; items that people added are not in it."""
        truth: IntArray | FloatArray | None = self._array("truth")
        return truth

    @property
    def side(self) -> int | None:
        """The longest side of the images the data set brought in an array, in pixels; None where there is none."""
        pixels = self._array("pool-pixels")
        return None if pixels is None else max(pixels.shape[1:3])

    def items(self, rows: Sequence[ItemRow], max_pixels: int) -> Items:
        """Return the first len(rows) items of the pool, undecoded; `rows` are all of them, in order.

        A file that cannot be read is seen as white and told. Unprocessable: most of them are gone.
        """
        pixels = self._array("pool-pixels")
        if self.kind == "vector":
            return VectorItems(self._array("pool-vectors")[: len(rows)])
        if self.kind == "node":
            return GraphItems(self._array("pool-vectors"), np.asarray(self._array("pool-edges")))
        parts: list[ImageItems] = []
        if pixels is not None and len(pixels):
            parts.append(PixelItems(pixels[: len(rows)]))
        files = [row for row in rows if row.source != "array"]
        if files:
            paths = [self.home.at(str(row.path)) for row in files]
            _refuse_loss(paths, len(rows))
            parts.append(FileItems(paths, self.about["channels"] or 3, max_pixels, unread=Unread()))
        return parts[0] if len(parts) == 1 else JoinedItems(parts)

    def image(self, row: ItemRow) -> tuple[bytes, str]:
        """Return the image of one item with its media type; Gone where its file is."""
        if row.source == "array":
            return encode(np.asarray(self._array("pool-pixels")[row.position])), "image/png"
        try:
            return self.home.at(str(row.path)).read_bytes(), row.media_type or "application/octet-stream"
        except OSError as error:
            raise gone(row, error) from None

    def test(self, max_pixels: int) -> tuple[Items, IntArray | FloatArray] | None:
        """Return the data set's own test items with their truth, or None where it has none."""
        test = self.about["test"]
        if test is None:
            return None
        truth = np.asarray(self._array("test-truth"))
        if self.kind == "vector":
            return VectorItems(self._array("test-vectors")), truth
        if self.kind == "node":
            raise PluginError("a graph's test nodes are part of its pool; give them as `holdout`")
        pixels = self._array("test-pixels")
        if pixels is not None:
            return PixelItems(pixels), truth
        return FileItems([Path(path) for path in test["paths"]], test["channels"], max_pixels), truth

    def _array(self, name: str) -> Any:
        path = self.folder / f"{name}.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None


def _refuse_loss(paths: Sequence[Path], items: int) -> None:
    """Raise where more than half of a pool is gone: that is a folder that is not mounted, and nothing to learn from."""
    lost = [path for path in paths if not os.access(path, os.R_OK)]
    if 2 * len(lost) > items:
        raise Unprocessable(
            f"{len(lost):,} of the pool's {items:,} images can no longer be read, {lost[0]} the first of them; "
            "is their folder mounted, and may it be read?"
        )


def _write_content(folder: Path, prefix: str, content: Content) -> dict[str, Any]:
    if isinstance(content, Pixels):
        np.save(folder / f"{prefix}-pixels.npy", content.array)
        return {"channels": 1 if content.array.ndim == 3 else 3}  # noqa: PLR2004
    if isinstance(content, Files):
        # the pool's own paths are rows of the store; only a test split's must be kept here
        return {"channels": content.channels, "paths": [str(p) for p in content.paths] if prefix == "test" else None}
    vectors = content.features if isinstance(content, GraphItems) else content.vectors
    np.save(folder / f"{prefix}-vectors.npy", np.asarray(vectors, np.float32))
    if isinstance(content, GraphItems):
        np.save(folder / f"{prefix}-edges.npy", np.asarray(content.edges, np.int64))
    return {"channels": None}
