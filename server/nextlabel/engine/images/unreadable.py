"""Files of a pool that can no longer be read: one of many stops no training and no scoring, and each is told."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from nextlabel.contracts.errors import TooLarge, Unprocessable, Unsupported

TOLD = 3
"""How many are told by name: a log is to stay readable."""
REFUSED = (OSError, Unsupported, Unprocessable, TooLarge)
"""What `decoding` raises for a file."""


def why(error: Exception) -> str:
    """Return the reason without the path, which the system's own message repeats."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


@dataclass(frozen=True)
class Unread:
    """Which files those are, shared by all runs that one pool's items are taken into."""

    _reasons: dict[Path, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def note(self, path: Path, reason: str) -> None:
        """Keep a file, and tell the first few on standard error, which is where a job's log comes from."""
        with self._lock:
            if path in self._reasons:
                return
            self._reasons[path] = reason
            if len(self._reasons) <= TOLD:
                said = f"{path} cannot be read, and a white image stands in for it: {reason}"
                print(said, file=sys.stderr, flush=True)  # noqa: T201 - as above
            elif len(self._reasons) == TOLD + 1:
                print("further files cannot be read", file=sys.stderr, flush=True)  # noqa: T201 - as above

    def __contains__(self, path: Path) -> bool:
        return path in self._reasons
