"""Computes the features that a pool lacks: threads read and decode images while others run the network."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np

from nextlabel.contracts.data import ImageItems, IntArray, Outputs, VectorItems
from nextlabel.contracts.errors import Conflict, ProjectError, Unprocessable
from nextlabel.engine.features.embedder import Embedder
from nextlabel.engine.images.image_items import FileItems, JoinedItems, PixelItems
from nextlabel.engine.images.unreadable import DECODE_ERRORS, error_reason
from nextlabel.store.feature_files import LOCK, UNREADABLE, FeatureFiles, FeatureWriter
from nextlabel.store.file_lock import file_lock

COMMIT_EVERY = 2.0
"""Seconds of work that a killed extraction loses at most."""
_AHEAD = 2
"""Batches in progress per thread, so that no thread waits."""
_LOCK_WAIT = 0.5
"""Seconds between two attempts to lock the files, while another job extracts features of the same source."""

T = TypeVar("T")
R = TypeVar("R")
Report: TypeAlias = Callable[[float], None]
"""Takes the share done, 0..1, and raises an error if the job must stop."""


@dataclass(frozen=True)
class Decoded:
    """An item's content on its way to the network."""

    digest: bytes | None
    """SHA-256 of the bytes of a file, or of the numbers of an array; None if the file cannot be read."""
    content: Any = None
    """uint8 (height, width, channels) or float32 (d,), as the network takes it; None if its features are stored."""


def extract(
    files: FeatureFiles,
    pool: str,
    items: ImageItems | VectorItems,
    embedder: Embedder,
    *,
    max_pixels: int,
    threads: int,
    report: Report = lambda _: None,
) -> int:
    """Compute and store the features that the items of a pool lack; return how many contents were computed.

    The files must exist. A content that occurs several times, or in another project, is computed once. Items
    whose file could not be read before are tried again. If it is interrupted, the next call continues.
    """
    lock = files.folder / LOCK
    while True:
        try:
            with file_lock(lock, "another job computes features of the same source", wait=_LOCK_WAIT):
                return _extract(files, pool, items, embedder, max_pixels, threads, report)
        except Conflict:
            report(0.0)


def _extract(
    files: FeatureFiles,
    pool: str,
    items: ImageItems | VectorItems,
    embedder: Embedder,
    max_pixels: int,
    threads: int,
    report: Report,
) -> int:
    with files.writer(pool) as writer, ThreadPoolExecutor(threads) as executor:
        recorded = writer.rows[: len(items)]
        unreadable, new = np.flatnonzero(recorded == UNREADABLE), np.arange(len(recorded), len(items), dtype=np.int64)
        batches = [
            part[start : start + embedder.batch]
            for part in (unreadable, new)
            for start in range(0, len(part), embedder.batch)
        ]

        def read(batch: IntArray) -> tuple[IntArray, list[Decoded]]:
            # a file that is still unreadable must not load the index of all contents
            known = writer.known if batch[0] >= len(recorded) else lambda _: False
            return batch, decode_items(items.take(batch), embedder, max_pixels, known)

        computed, committed = 0, time.monotonic()
        try:
            contents = (_new_contents(writer, *part) for part in _in_order(executor, read, batches, _AHEAD * threads))
            for number, outputs in enumerate(_embedded(executor, embedder, contents, threads)):
                if outputs is not None:
                    assert outputs.embeddings is not None
                    writer.append(outputs.embeddings, outputs.probabilities)
                    computed += len(outputs.embeddings)
                if time.monotonic() - committed > COMMIT_EVERY:
                    writer.commit()
                    committed = time.monotonic()
                report((number + 1) / len(batches))
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return computed


def _embedded(
    executor: ThreadPoolExecutor, embedder: Embedder, contents: Iterable[list[Any]], threads: int
) -> Iterator[Outputs | None]:
    """Yield the outputs for each list of contents, None for an empty one."""

    def embed(batch: list[Any]) -> Outputs | None:
        return embedder.embed(batch) if batch else None

    if embedder.concurrent:
        return _in_order(executor, embed, contents, _AHEAD * threads)
    return map(embed, contents)


def _new_contents(writer: FeatureWriter, positions: IntArray, decoded: Sequence[Decoded]) -> list[Any]:
    """Record the items' contents, and return those whose features must be computed."""
    return [
        part.content
        for position, part in zip(positions, decoded, strict=True)
        if writer.assign(int(position), part.digest)
    ]


def _in_order(
    executor: ThreadPoolExecutor, function: Callable[[T], R], arguments: Iterable[T], ahead: int
) -> Iterator[R]:
    """Yield the results of `function` in order, with at most `ahead` calls in progress."""
    calls: deque[Future[R]] = deque()
    for argument in arguments:
        calls.append(executor.submit(function, argument))
        if len(calls) >= ahead:
            yield calls.popleft().result()
    while calls:
        yield calls.popleft().result()


def decode_items(
    items: Any, embedder: Embedder, max_pixels: int, known: Callable[[bytes], bool] = lambda _: False
) -> list[Decoded]:
    """Read items, and decode the contents that are not `known`.

    Raises ProjectError if the network takes another kind of content.
    """
    kind = "vector" if isinstance(items, VectorItems) else "image"
    if embedder.card["input"]["kind"] != kind:
        raise ProjectError(f"the items are {kind}s, and {embedder.name!r} takes {embedder.card['input']['kind']}s")
    if isinstance(items, JoinedItems):
        return [part for joined in items.parts for part in decode_items(joined, embedder, max_pixels, known)]
    if isinstance(items, FileItems):
        return [_decode_file(items, number, embedder, max_pixels, known) for number in range(len(items))]
    rows = items.images if isinstance(items, PixelItems) else items.vectors
    decoded = []
    for row in rows:
        # images of other sides may have the same bytes
        digest = hashlib.sha256(f"{row.shape}".encode() + np.ascontiguousarray(row).tobytes()).digest()
        if known(digest):
            decoded.append(Decoded(digest))
        else:
            decoded.append(Decoded(digest, embedder.decode(row, max_pixels) if kind == "image" else row))
    return decoded


def _decode_file(
    items: FileItems, number: int, embedder: Embedder, max_pixels: int, known: Callable[[bytes], bool]
) -> Decoded:
    path = items.paths[number]
    try:
        data = path.read_bytes()
        digest = hashlib.sha256(data).digest()
        return Decoded(digest) if known(digest) else Decoded(digest, embedder.decode(data, max_pixels))
    except DECODE_ERRORS as error:
        if items.unreadable is None:
            raise Unprocessable(f"{path}: {error_reason(error)}") from error
        items.unreadable.add(path, error_reason(error), "zeros")
        return Decoded(None)
