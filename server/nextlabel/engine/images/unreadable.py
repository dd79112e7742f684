"""Records pool files that can no longer be read. They stop neither training nor scoring; each is logged."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from nextlabel.contracts.errors import TooLarge, Unprocessable, Unsupported

MAX_LISTED = 3
"""Number of unreadable files that are listed by name, to keep the log short."""
DECODE_ERRORS = (OSError, Unsupported, Unprocessable, TooLarge)
"""The errors that reading and decoding a file can raise."""


def error_reason(error: Exception) -> str:
    """Return the reason for a decode error, without the path that the system's messages contain."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


@dataclass(frozen=True)
class UnreadableFiles:
    """The unreadable files of one pool, shared by all parts that its items are divided into."""

    _reasons: dict[Path, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, path: Path, reason: str, replacement: str = "a white image") -> None:
        """Record a file, and print the first few to standard error, which a job's log captures."""
        with self._lock:
            if path in self._reasons:
                return
            self._reasons[path] = reason
            if len(self._reasons) <= MAX_LISTED:
                message = f"{path} cannot be read and is replaced by {replacement}: {reason}"
                print(message, file=sys.stderr, flush=True)  # noqa: T201 - as above
            elif len(self._reasons) == MAX_LISTED + 1:
                print("more files cannot be read; they are not listed", file=sys.stderr, flush=True)  # noqa: T201 - as above

    def __contains__(self, path: Path) -> bool:
        return path in self._reasons
