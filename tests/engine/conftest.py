"""Fixtures of the engine's tests: engines on toy projects."""

from support.engine_fixtures import (  # noqa: F401 - pytest finds fixtures here
    another,
    blobs,
    empty,
    image,
    make,
    meddled,
    no_disk_sync,
    plugged,
    registry,
    threads,
)
