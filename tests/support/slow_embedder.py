"""A network that takes its time; run as a program, it extracts features until it is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.contracts import Outputs, VectorItems
from nextlabel.engine.features import extraction
from nextlabel.engine.features.embedder import Embedder
from nextlabel.store.feature_files import FeatureFiles

ITEMS = 200


@dataclass(frozen=True)
class SlowEmbedder(Embedder):
    """Returns the vectors themselves, after some seconds a batch."""

    seconds: float
    batch = 2
    concurrent = True

    def _embed(self, contents: Sequence[Any]) -> Outputs:
        time.sleep(self.seconds)
        return Outputs(embeddings=np.stack(contents))

    def load(self) -> None: ...


def vectors() -> np.ndarray[Any, Any]:
    """Vectors that half precision holds exactly."""
    return np.arange(2 * ITEMS, dtype=np.float32).reshape(ITEMS, 2)


if __name__ == "__main__":
    extraction.COMMIT_EVERY = 0.02
    card = {"plugin": "slow", "input": {"kind": "vector", "dimensions": 2}, "crop": True}
    items = VectorItems(vectors())
    files = FeatureFiles(Path(sys.argv[1]), 2, 0)
    files.create()
    extraction.extract(files, "pool", items, SlowEmbedder(card, 0.05), max_pixels=1, threads=2)
