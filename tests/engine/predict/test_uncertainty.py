"""When a model is unsure, and between what."""

from __future__ import annotations

import pytest

from nextlabel.engine.predict.uncertainty import Doubt, doubt


@pytest.mark.parametrize(
    ("shares", "wavers"),
    [
        ([0.9, 0.1], None),
        ([0.61, 0.39], None),
        ([0.5, 0.29, 0.21], None),
        ([0.59, 0.41], Doubt(("a", "b"), others=False)),
        ([0.45, 0.4, 0.15], Doubt(("a", "b"), others=False)),
        ([0.49, 0.1, 0.1, 0.1, 0.1, 0.11], Doubt(("a", "f", "b"), others=True)),
        ([0.25] * 4, Doubt(("a", "b", "c"), others=True)),
        ([0.3, 0.3, 0.4], Doubt(("c", "a", "b"), others=False)),
        ([1.0], None),
        ([], None),
    ],
)
def test_doubt(shares: list[float], wavers: Doubt | None) -> None:
    assert doubt(dict(zip("abcdef", shares, strict=False))) == wavers
