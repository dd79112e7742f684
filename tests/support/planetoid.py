"""A small graph in the files of Planetoid's Cora."""

from __future__ import annotations

import hashlib
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

CLASSES, WORDS = 7, 21
TRAIN, REST, TEST = 14, 510, 20
"""Nodes of the public training labels, further ones (the library expects 500 for validation), and test nodes."""


def create_cora(root: Path) -> Path:
    """Write the eight files below `root`; return their folder. The class of node i is i % 7, and each has its words."""
    folder = root / "Cora" / "raw"
    folder.mkdir(parents=True)
    nodes = TRAIN + REST + TEST
    classes = np.arange(nodes) % CLASSES
    one_hot = np.eye(CLASSES, dtype=np.int32)[classes]
    words = np.tile(one_hot, 3).astype(np.float32)
    shuffled = np.random.default_rng(0).permutation(TEST)  # the files list the test nodes in another order
    graph = defaultdict(list)
    for node in range(nodes - CLASSES):
        graph[node].append(node + CLASSES)
        graph[node + CLASSES] += [node, node]  # as in Cora, an edge may occur twice
    test = TRAIN + REST + shuffled
    parts = {
        "x": csr_matrix(words[:TRAIN]),
        "tx": csr_matrix(words[test]),
        "allx": csr_matrix(words[: TRAIN + REST]),
        "y": one_hot[:TRAIN],
        "ty": one_hot[test],
        "ally": one_hot[: TRAIN + REST],
        "graph": graph,
    }
    for name, part in parts.items():
        (folder / f"ind.cora.{name}").write_bytes(pickle.dumps(part))
    (folder / "ind.cora.test.index").write_text("".join(f"{node}\n" for node in test))
    return folder


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
