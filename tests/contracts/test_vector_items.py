"""Vectors of items: some of an array's rows."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import VectorItems


def test_a_mask_selects_items() -> None:
    items = VectorItems(np.arange(12, dtype=np.float32).reshape(6, 2))
    some = items.take(np.arange(6) % 2 == 1)  # type: ignore[arg-type]
    assert (len(some), some.vectors[:, 0].tolist()) == (3, [2.0, 6.0, 10.0])
    assert some.take(np.array([True, False, True])).vectors[:, 0].tolist() == [2.0, 10.0]  # type: ignore[arg-type]
