"""What a control arm tells: the live model on items drawn at random, and on those it had people asked of.

Only items count of which nothing had been said when the checkpoint learnt. Its weights have
not changed since, so its stored scores are what it would have said as the item was asked.
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
    """Return why each position was asked; the last time it was, if several."""
    return {one.position: one.reason for chosen in rounds for one in chosen if one.reason in ARMS}


def control(
    checkpoint: str, why: dict[int, str], known: Collection[int], answered: IntArray, right: BoolArray
) -> Control:
    """Compare the arms. `known` positions were spoken of before; `answered` (k,) have a full label now.

    `right` (k,): the checkpoint's most probable class is that label.
    """
    arms = {}
    for name in ARMS:
        mine = [why.get(int(position)) == name and int(position) not in known for position in answered]
        chosen = right[np.asarray(mine, np.bool_)]
        if len(chosen):
            share = float(chosen.mean())
            arms[name] = Arm(len(chosen), int(chosen.sum()), share, wilson(share, len(chosen)))
    return Control(checkpoint, arms)
