"""The files of one source of features: one row per distinct content, shared by all projects.

    embeddings.f16       float16 (m, D), only ever appended to
    probabilities.f32    float32 (m, B), if the source has classes of its own
    contents.sha256      32 bytes per row, written after the other two: it decides how many rows are complete
    positions/<pool>     int64 per item of a pool: its row
    model.onnx           the network, if it is a backbone

Probabilities are in single precision: half precision has steps of 0.0005 just below 1, and a difference of two
of them loses what strategies rank by. Files from before, with probabilities in half precision, are written again.

Row 0 stands for an image that cannot be read: zeros, and equal probabilities. A process that dies
leaves rows without a hash, which the next writer cuts off.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.contracts.errors import Gone
from nextlabel.store.atomic import make_folder, sync
from nextlabel.store.file_lock import file_lock

NETWORK = "model.onnx"
LOCK = "lock"
"""The file whose lock a writer holds."""
UNREADABLE = 0
"""The row of an image that cannot be read."""
_EMBEDDINGS, _PROBABILITIES, _CONTENTS, _POSITIONS = (
    "embeddings.f16", "probabilities.f32", "contents.sha256", "positions",
)  # fmt: skip
_HALF_PROBABILITIES = "probabilities.f16"
"""A file from before: probabilities in half precision."""
_HASH = 32
"""Bytes of a SHA-256."""
_ROW = np.dtype(np.int64)
_TYPES: Mapping[str, np.dtype[Any]] = {_EMBEDDINGS: np.dtype(np.float16), _PROBABILITIES: np.dtype(np.float32)}
"""The type of the numbers in a file."""


def network_path(folder: Path) -> Path:
    """Return the path of a backbone's network. Raises Gone if it is missing."""
    path = folder / NETWORK
    if not path.exists():
        raise Gone(
            f"the network of a backbone is missing: {path}; the next training or scoring of the project writes it: "
            "start a worker (nextlabel serve or nextlabel worker), or train"
        )
    return path


@dataclass(frozen=True)
class PoolFeatures:
    """The features of a pool's first n items."""

    embeddings: NDArray[np.float16]
    """(m, D), one row per content, memory-mapped."""
    probabilities: NDArray[np.float32] | None
    """(m, B), memory-mapped, or None if the source has no classes of its own."""
    rows: IntArray
    """(n,): each item's row in the two arrays; in memory, for a later writer may change the file."""


@dataclass(frozen=True)
class FeatureFiles:
    """The feature files in a folder."""

    folder: Path
    dimensions: int
    """Numbers of an embedding, D."""
    classes: int
    """Classes of the source's own, B; 0 if it has none."""

    def create(self) -> None:
        """Write the files, with row 0 only, unless they exist."""
        if self._exist():
            return
        make_folder(self.folder)
        with file_lock(self.folder / LOCK):
            if not self._exist():
                self._create()

    def _exist(self) -> bool:
        names = [_CONTENTS, _PROBABILITIES] if self.classes else [_CONTENTS]
        return all((self.folder / name).exists() for name in names)

    def _create(self) -> None:
        # the hashes first, which decide; files are not emptied, for a process may have mapped them
        for name in (_CONTENTS, _EMBEDDINGS, _PROBABILITIES, _HALF_PROBABILITIES):
            (self.folder / name).unlink(missing_ok=True)
        if (self.folder / _POSITIONS).exists():
            shutil.rmtree(self.folder / _POSITIONS)
        make_folder(self.folder / _POSITIONS)
        (self.folder / _EMBEDDINGS).write_bytes(np.zeros(self.dimensions, _TYPES[_EMBEDDINGS]).tobytes())
        if self.classes:
            even = np.full(self.classes, 1 / self.classes, _TYPES[_PROBABILITIES])
            (self.folder / _PROBABILITIES).write_bytes(even.tobytes())
        (self.folder / _CONTENTS).write_bytes(bytes(_HASH))
        for name in (_EMBEDDINGS, _PROBABILITIES, _CONTENTS):
            if (self.folder / name).exists():
                sync(self.folder / name)
        sync(self.folder)

    def read(self, pool: str) -> PoolFeatures:
        """Return the features of a pool's items, as far as they are computed. Raises Gone if the files are missing."""
        rows = self._rows(pool)  # before the arrays, which then have all of these rows
        try:
            embeddings = self._map(_EMBEDDINGS, self.dimensions)
            probabilities = self._map(_PROBABILITIES, self.classes) if self.classes else None
        except OSError as error:
            raise Gone(f"the features in {self.folder} are missing") from error
        return PoolFeatures(embeddings, probabilities, rows)

    def count(self) -> int:
        """Return the number of contents whose features are stored."""
        return (self.folder / _CONTENTS).stat().st_size // _HASH - 1

    def writer(self, pool: str) -> FeatureWriter:
        """Return a writer, which cuts off incomplete rows. Hold the lock of the folder while you use it."""
        return FeatureWriter(self, pool)

    def _map(self, name: str, width: int) -> NDArray[Any]:
        """Return the complete rows (m, width) of a file, memory-mapped."""
        path, kind = self.folder / name, _TYPES[name]
        return np.memmap(path, kind, "r", shape=(path.stat().st_size // (width * kind.itemsize), width))

    def _rows(self, pool: str) -> IntArray:
        path = self.folder / _POSITIONS / pool
        return np.fromfile(path, _ROW) if path.exists() else np.empty(0, _ROW)


class FeatureWriter:
    """Appends rows for new contents, and records the row of each item of one pool."""

    def __init__(self, files: FeatureFiles, pool: str) -> None:
        self._files = files
        widths = {_EMBEDDINGS: files.dimensions * _TYPES[_EMBEDDINGS].itemsize, _CONTENTS: _HASH}
        if files.classes:
            widths[_PROBABILITIES] = files.classes * _TYPES[_PROBABILITIES].itemsize
        complete = min((files.folder / name).stat().st_size // width for name, width in widths.items())
        self._open: dict[str, IO[bytes]] = {}
        for name, width in widths.items():
            os.truncate(files.folder / name, complete * width)
            self._open[name] = (files.folder / name).open("ab")
        self._stored = complete
        self._index: dict[bytes, int] | None = None
        self._index_lock = Lock()
        self._next = complete
        self._appended = complete
        self._contents: list[bytes] = []
        self._written: list[tuple[int, int]] = []
        path = files.folder / _POSITIONS / pool
        path.touch()
        self._positions = path.open("r+b")
        self.rows: IntArray = files._rows(pool)  # noqa: SLF001 - the writer belongs to the files
        """(n,): the rows recorded before, by position."""

    def known(self, digest: bytes) -> bool:
        """Return whether a content has a row. Several threads may ask this."""
        return digest in self._known

    @property
    def _known(self) -> dict[bytes, int]:
        """The row of each content, read when it is first needed: 200 MB for a million contents."""
        with self._index_lock:
            if self._index is None:
                contents = (self._files.folder / _CONTENTS).read_bytes()
                self._index = {contents[row * _HASH : (row + 1) * _HASH]: row for row in range(1, self._stored)}
            return self._index

    def assign(self, position: int, digest: bytes | None) -> bool:
        """Record an item's content, None if it cannot be read; return whether its row must be appended.

        Append the rows in the order in which this returned True.
        """
        row = UNREADABLE if digest is None else self._known.get(digest)
        is_new = row is None
        if row is None and digest is not None:
            row = self._known[digest] = self._next
            self._next += 1
            self._contents.append(digest)
        self._written.append((position, int(row or UNREADABLE)))
        return is_new

    def append(self, embeddings: FloatArray, probabilities: FloatArray | None) -> None:
        """Append rows: embeddings (k, D), and probabilities (k, B) if the source has classes."""
        self._open[_EMBEDDINGS].write(embeddings.astype(_TYPES[_EMBEDDINGS]).tobytes())
        self._appended += len(embeddings)
        if self._files.classes and probabilities is not None:
            self._open[_PROBABILITIES].write(probabilities.astype(_TYPES[_PROBABILITIES]).tobytes())

    def commit(self) -> None:
        """Put what was assigned and appended on disk, in an order that never leaves a hash without its row."""
        for name in (_EMBEDDINGS, _PROBABILITIES):
            if name in self._open:
                _flush(self._open[name])
        first = self._next - len(self._contents)
        self._open[_CONTENTS].write(b"".join(self._contents[: self._appended - first]))
        _flush(self._open[_CONTENTS])
        # an item whose row is not appended yet stays for the next time
        done = np.array([pair for pair in self._written if pair[1] < self._appended], _ROW).reshape(-1, 2)
        runs = np.split(done, np.flatnonzero(np.diff(done[:, 0]) != 1) + 1)
        for run in runs:
            if len(run):
                self._positions.seek(int(run[0, 0]) * _ROW.itemsize)
                self._positions.write(np.ascontiguousarray(run[:, 1]).tobytes())
        _flush(self._positions)
        self._contents = self._contents[self._appended - first :]
        self._written = [pair for pair in self._written if pair[1] >= self._appended]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what is complete, also if the work was interrupted, and close the files."""
        del kind, error, trace
        try:
            self.commit()
        finally:
            for file in [*self._open.values(), self._positions]:
                file.close()


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
