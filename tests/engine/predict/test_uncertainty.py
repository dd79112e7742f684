"""When a prediction is uncertain, and between which classes."""

from __future__ import annotations

import pytest

from nextlabel.engine.predict.uncertainty import Uncertainty, uncertainty


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.9, 0.1], None),
        ([0.61, 0.39], None),
        ([0.5, 0.29, 0.21], None),
        ([0.59, 0.41], Uncertainty(("a", "b"), others=False)),
        ([0.45, 0.4, 0.15], Uncertainty(("a", "b"), others=False)),
        ([0.49, 0.1, 0.1, 0.1, 0.1, 0.11], Uncertainty(("a", "f", "b"), others=True)),
        ([0.25] * 4, Uncertainty(("a", "b", "c"), others=True)),
        ([0.3, 0.3, 0.4], Uncertainty(("c", "a", "b"), others=False)),
        ([1.0], None),
        ([], None),
    ],
)
def test_uncertainty(probabilities: list[float], expected: Uncertainty | None) -> None:
    assert uncertainty(dict(zip("abcdef", probabilities, strict=False))) == expected
