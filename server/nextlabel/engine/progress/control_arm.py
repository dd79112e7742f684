"""Compares the live model's accuracy on randomly drawn items with its accuracy on items the strategy chose.

Only items count that had no label when the checkpoint was trained. Its weights have not changed
since, so its stored scores are its predictions at the time the item was queried.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from nextlabel.contracts.data import BoolArray, IntArray
from nextlabel.engine.progress.progress_records import Arm, Control
from nextlabel.engine.progress.wilson import wilson
from nextlabel.store.queries import Chosen

ARMS = ("control", "strategy")


def reasons(rounds: Iterable[tuple[Chosen, ...]]) -> dict[int, str]:
    """Return the reason each position was queried, the last one if it was queried several times."""
    return {item.position: item.reason for chosen in rounds for item in chosen if item.reason in ARMS}


def control(
    checkpoint: str, why: dict[int, str], known: Collection[int], labelled: IntArray, right: BoolArray
) -> Control:
    """Compare the arms.

    `why` is the reason by position, `known` are the positions that had a label before the training,
    `labelled` (k,) those with a full label now, and `right` (k,) is whether the checkpoint predicts
    that label.
    """
    arms = {}
    for name in ARMS:
        counted = [why.get(int(position)) == name and int(position) not in known for position in labelled]
        right_in_arm = right[np.asarray(counted, np.bool_)]
        if len(right_in_arm):
            share = float(right_in_arm.mean())
            arms[name] = Arm(len(right_in_arm), int(right_in_arm.sum()), share, wilson(share, len(right_in_arm)))
    return Control(checkpoint, arms)
