"""The arrays that strategies prepared in the worker, stored in a scoring's folder beside the scores.

`prepared/covered.npy` has the positions (c,) of the items that `prepare` received as covered, and
`prepared/<strategy>-<digest>/<name>.npy` one row for each item that was scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nextlabel.contracts.data import IntArray, NumberArray
from nextlabel.store.checkpoints import ScoringRow
from nextlabel.store.home import Home


@dataclass(frozen=True)
class PreparedArrays:
    """One strategy's prepared arrays, memory-mapped and read-only."""

    arrays: Mapping[str, NumberArray]
    """One row for each item that was scored, by name; those of held-out items are zero."""
    covered: IntArray
    """(c,): positions of the items that `prepare` received as covered."""


def prepared_folder(scoring: Path, strategy: str) -> Path:
    """Return the folder of one strategy's arrays within the folder of a scoring."""
    return scoring / "prepared" / strategy


def covered_file(scoring: Path) -> Path:
    """Return the file of the covered positions within the folder of a scoring."""
    return scoring / "prepared" / "covered.npy"


def stored_prepared(home: Home, scoring: ScoringRow | None, strategy: str) -> PreparedArrays | None:
    """Return the arrays in a strategy's folder, or None if the scoring has none, or a file is missing."""
    if scoring is None or strategy not in scoring.prepared:
        return None
    folder = home.at(scoring.folder)
    try:
        arrays = {
            name: np.load(prepared_folder(folder, strategy) / f"{name}.npy", mmap_mode="r")
            for name in scoring.prepared[strategy]
        }
        return PreparedArrays(arrays, np.load(covered_file(folder)))
    except FileNotFoundError:
        return None
