"""Stores a project's pool on disk: the contents of its data set, copied once, and uploaded images.

After the import no process needs the data set's plugin, which may import torch. Arrays are
memory-mapped; files and uploads are read by path.
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
from nextlabel.engine.images.decoding import encode_png
from nextlabel.engine.images.image_items import FileItems, JoinedItems, PixelItems
from nextlabel.engine.images.unreadable import UnreadableFiles
from nextlabel.store.home import Home
from nextlabel.store.items import ItemRow

Kind = Literal["image", "vector", "node"]
_DESCRIPTION = "pool.json"
_SYSTEM_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors caused by the server's limits, not by the file."""
LEFT_OUT = "left-out.txt"


def write_pool(folder: Path, contents: Contents, left_out: Sequence[str] = (), *, first: int = 0) -> None:
    """Write the contents of a data set, except image files, which stay at their paths.

    `left_out` has one line, with the reason, per file that is not part of the pool. The items are at
    the positions from `first` in the pool; those before are a sample and images that users added. The
    `truth` of the contents, but nothing else, then covers the items before `first` too.
    """
    description: dict[str, Any] = {
        "kind": kind_of(contents.content),
        "test": None,
        "channels": None,
        "first": first,
        "sampled": first > 0,
    }
    description.update(_write_content(folder, "pool", contents.content))
    if contents.truth is not None:
        np.save(folder / "truth.npy", contents.truth)
    if contents.test is not None:
        description["test"] = _write_content(folder, "test", contents.test.content)
        np.save(folder / "test-truth.npy", contents.test.truth)
    if left_out:
        # a file name need not be valid text
        (folder / LEFT_OUT).write_text("".join(f"{line}\n" for line in left_out), "utf-8", "backslashreplace")
    (folder / _DESCRIPTION).write_text(json.dumps(description))


def write_sample_pool(folder: Path, *, side: int, channels: int) -> None:
    """Describe a pool that starts with a sample: images of at most `side` pixels a side, in files."""
    description = {"kind": "image", "test": None, "channels": channels, "first": 0, "sampled": True, "side": side}
    (folder / _DESCRIPTION).write_text(json.dumps(description))


def missing_file_error(row: ItemRow, error: OSError) -> Exception:
    """Return the exception to raise if an item's file is missing or cannot be read."""
    if error.errno in _SYSTEM_ERRORS:
        return error
    if isinstance(error, FileNotFoundError):
        return Gone(f"the file of item {row.id!r} is no longer there: {row.path}")
    return Gone(f"the file of item {row.id!r} cannot be read ({error.strerror}): {row.path}")


def kind_of(content: Content) -> Kind:
    """Return the kind of the items."""
    if isinstance(content, GraphItems):
        return "node"
    return "vector" if isinstance(content, VectorItems) else "image"


@dataclass(frozen=True)
class PoolFolder:
    """A pool on disk, memory-mapped on demand."""

    home: Home
    folder: Path
    kind: Kind
    description: dict[str, Any]

    @classmethod
    def open(cls, home: Home, project: str, *, from_dataset: bool = True) -> PoolFolder:
        """Open a project's pool; `from_dataset` is False if it has no data set, but a sample or users' images."""
        if from_dataset:
            folder = home.pool(project)
        else:
            sample = home.sample_pool(project)
            folder = sample if sample.exists() else home.empty_pool(project)
        description = json.loads((folder / _DESCRIPTION).read_text())
        return cls(home, folder, description["kind"], description)

    @property
    def truth(self) -> IntArray | FloatArray | None:
        """Correct labels (n,) known to the data set, or None; items that were uploaded later are not included."""
        truth: IntArray | FloatArray | None = self._array("truth")
        return truth

    @property
    def side(self) -> int | None:
        """Longest side in pixels of the images that are in an array or a sample; None if there are none."""
        pixels = self._array("pool-pixels")
        return self.description.get("side") if pixels is None else max(pixels.shape[1:3])

    @property
    def sampled(self) -> bool:
        """Whether the pool starts, or started, with a sample."""
        return bool(self.description.get("sampled"))

    @property
    def _first(self) -> int:
        """Number of items before those of the data set."""
        return int(self.description.get("first", 0))

    def items(self, size: int, names: Sequence[str], max_pixels: int) -> Items:
        """Return the first `size` items of the pool, undecoded; `names` are the paths of those in files, in order.

        An unreadable file becomes a white image and is logged. Raises Unprocessable if most files
        are missing.
        """
        pixels = self._array("pool-pixels")
        if self.kind == "vector":
            return VectorItems(self._array("pool-vectors")[:size])
        if self.kind == "node":
            return GraphItems(self._array("pool-vectors"), np.asarray(self._array("pool-edges")))
        paths = [self.home.at(name) for name in names]
        _refuse_large_loss(paths, size)
        channels, unreadable = self.description["channels"] or 3, UnreadableFiles()
        parts: list[ImageItems] = [
            FileItems(paths[: self._first], channels, max_pixels, unreadable=unreadable),
            *([] if pixels is None else [PixelItems(pixels[: max(0, size - self._first)])]),
            FileItems(paths[self._first :], channels, max_pixels, unreadable=unreadable),
        ]
        parts = [part for part in parts if len(part)]
        return parts[0] if len(parts) == 1 else JoinedItems(parts)

    def image(self, row: ItemRow) -> tuple[bytes, str]:
        """Return an item's image with its media type; raises Gone if its file is missing."""
        if row.source == "array":
            return encode_png(np.asarray(self._array("pool-pixels")[row.position - self._first])), "image/png"
        try:
            return self.home.at(str(row.path)).read_bytes(), row.media_type or "application/octet-stream"
        except OSError as error:
            raise missing_file_error(row, error) from None

    def test(self, max_pixels: int) -> tuple[Items, IntArray | FloatArray] | None:
        """Return the data set's own test items with their truth, or None if it has none.

        As in the pool, an unreadable file becomes a white image and is logged.
        """
        test = self.description["test"]
        if test is None:
            return None
        truth = np.asarray(self._array("test-truth"))
        if self.kind == "vector":
            return VectorItems(self._array("test-vectors")), truth
        if self.kind == "node":
            raise PluginError("a graph's test nodes are part of its pool; return them as `holdout`")
        pixels = self._array("test-pixels")
        if pixels is not None:
            return PixelItems(pixels), truth
        paths = [Path(path) for path in test["paths"]]
        return FileItems(paths, test["channels"], max_pixels, unreadable=UnreadableFiles()), truth

    def _array(self, name: str) -> Any:
        path = self.folder / f"{name}.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None


def _refuse_large_loss(paths: Sequence[Path], items: int) -> None:
    """Raise Unprocessable if more than half of a pool is missing, as when its folder is not mounted."""
    lost = [path for path in paths if not os.access(path, os.R_OK)]
    if 2 * len(lost) > items:
        raise Unprocessable(
            f"{len(lost):,} of the pool's {items:,} images can no longer be read, the first is {lost[0]}; "
            "check that their folder is mounted and readable"
        )


def _write_content(folder: Path, prefix: str, content: Content) -> dict[str, Any]:
    if isinstance(content, Pixels):
        np.save(folder / f"{prefix}-pixels.npy", content.array)
        return {"channels": 1 if content.array.ndim == 3 else 3}  # noqa: PLR2004
    if isinstance(content, Files):
        # the database has the paths of the pool; only those of a test split are needed here
        paths = [str(path) for path in content.paths] if prefix == "test" else None
        return {"channels": content.channels, "paths": paths}
    vectors = VectorItems(content.features) if isinstance(content, GraphItems) else content
    shape, start = (len(vectors), vectors.dimensions), 0
    out = np.lib.format.open_memmap(folder / f"{prefix}-vectors.npy", mode="w+", dtype=np.float32, shape=shape)
    for batch in vectors.batches():
        out[start : start + len(batch)] = batch
        start += len(batch)
    out.flush()
    if isinstance(content, GraphItems):
        np.save(folder / f"{prefix}-edges.npy", np.asarray(content.edges, np.int64))
    return {"channels": None}
