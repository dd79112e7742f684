"""Runs the tests of networks on one thread: small networks are faster that way, also in parallel test runs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _threads(one_thread: None) -> None:
    pass
