"""Retries while the database is unavailable."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from nextlabel.contracts.errors import NotReady

RETRY_FOR = 600.0
"""Seconds for which a job retries while the database is unavailable."""
RETRY_EVERY = 1.0
"""Seconds between two attempts; a database server that is down refuses a connection at once."""

R = TypeVar("R")


def retry_while_busy(do: Callable[[], R], report: Callable[[float, Mapping[str, float]], None]) -> R:
    """Call `do` and retry while the database is unavailable, so that finished work is not lost.

    Raises NotReady after ten minutes, and what `report` raises, which is called before each new attempt.
    """
    deadline = time.monotonic() + RETRY_FOR
    while True:
        try:
            return do()
        except NotReady:
            if time.monotonic() > deadline:
                raise
            report(0.0, {})
            time.sleep(RETRY_EVERY)
