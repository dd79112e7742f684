"""Valid `Contents` of a data set, for tests that break one part of it."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import Contents, TestSplit, VectorItems

VECTORS = VectorItems(np.zeros((4, 2), np.float32))
SOUND = Contents(
    ids=["a", "b", "c", "d"],
    content=VECTORS,
    classes=("yes", "no"),
    truth=np.array([0, 1, -1, 0]),
    candidates=np.ones((4, 2), np.bool_),
    initial=np.array([0]),
    holdout=np.array([1]),
    test=TestSplit(VectorItems(np.zeros((2, 2), np.float32)), np.array([0, 1])),
)
