"""Label spreading: F = alpha S F + (1 - alpha) Y, repeated until F no longer changes.

Zhou, Bousquet, Lal, Weston and Schoelkopf, "Learning with local and global consistency", NIPS 2004.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nextlabel.contracts import BoolArray, FloatArray
from nextlabel_plugins.spreading.graph_matrix import Graph

TOLERANCE = 1e-3
"""It stops when F changes by less than this in total, as scikit-learn does."""


def spread_labels(
    graph: Graph,
    candidates: BoolArray,
    alpha: float,
    max_iter: int,
    progress: Callable[[float, Mapping[str, float]], None],
) -> FloatArray:
    """Return the distributions (n, C) of all items over the classes; a row that no label reached is zero.

    `candidates` (n, C) are the items' sets. A set of one class is a full label, which may be revised; an item
    with a set of several classes starts with an equal share of each, and gets nothing outside its set; one with
    all classes is unlabelled. `progress` receives after each `iteration`, from 1, the finished share, and the
    summed absolute `change` of F.
    """
    sizes = candidates.sum(axis=1, keepdims=True)
    labelled = sizes < candidates.shape[1]
    partial = np.flatnonzero((labelled & (sizes > 1)).ravel())
    labels = np.where(labelled, candidates / sizes, 0.0)
    beliefs = labels
    for iteration in range(1, max_iter + 1):
        previous, beliefs = beliefs, alpha * (graph @ beliefs) + (1 - alpha) * labels
        beliefs[partial] *= candidates[partial]
        change = float(np.abs(beliefs - previous).sum())
        progress(iteration / max_iter, {"change": change, "iteration": iteration})
        if change < TOLERANCE:
            break
    sums = beliefs.sum(axis=1, keepdims=True)
    return beliefs / np.where(sums == 0, 1, sums)
