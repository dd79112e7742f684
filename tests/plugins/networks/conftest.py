"""Small networks are faster on one thread, and do not get in each other's way."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _threads(one_thread: None) -> None:
    pass
