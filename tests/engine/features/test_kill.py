"""An extraction whose process is killed continues where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.slow_embedder import ITEMS, SlowEmbedder, vectors

from nextlabel.contracts import VectorItems
from nextlabel.engine.features.embedder import Embedder
from nextlabel.engine.features.extraction import extract
from nextlabel.store.feature_files import FeatureFiles

TESTS = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_killed_extraction_continues(tmp_path: Path) -> None:
    files = FeatureFiles(tmp_path / "source", 2, 0)
    command = [sys.executable, "-m", "support.slow_embedder", str(files.folder)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)})
    contents = files.folder / "contents.sha256"
    while not contents.exists() or files.count() < ITEMS // 4:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = files.count()
    assert ITEMS // 4 <= done < ITEMS
    embedder: Embedder = SlowEmbedder({"plugin": "slow", "input": {"kind": "vector", "dimensions": 2}, "crop": True}, 0)
    assert extract(files, "pool", VectorItems(vectors()), embedder, max_pixels=1, threads=2) == ITEMS - done
    stored = files.read("pool")
    np.testing.assert_array_equal(stored.embeddings[stored.rows], vectors())
