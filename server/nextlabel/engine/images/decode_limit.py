"""Room for large images: a process decodes one at a time, so that what several take does not add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from nextlabel.engine.images.decoding import is_large


@dataclass(frozen=True)
class Room:
    """For the threads that share it; images that are not large wait for nobody."""

    _turn: Lock = field(default_factory=Lock)

    @contextmanager
    def for_all(self, blobs: Sequence[bytes]) -> Iterator[None]:
        """Wait until the images may be decoded, which is to happen in the block."""
        if any(is_large(blob) for blob in blobs):
            with self._turn:
                yield
        else:
            yield
