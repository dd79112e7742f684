"""Which pseudo-labels are learnt from: FlexMatch's thresholds, one for each class.

Zhang et al., "FlexMatch: Boosting semi-supervised learning with curriculum pseudo labeling", NeurIPS 2021.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from nextlabel_plugins.networks.training.batches import last_occurrences

ThresholdMapping = Literal["convex", "linear"]
"""From how well a class is learnt, x in 0..1, to its share of the threshold: x / (2 - x) or (1 + x) / 2."""


class Curriculum:
    """Counts the pseudo-labels of each class that have passed `threshold`, and lowers the threshold of the others.

    A class is learnt as well as the number of its pseudo-labels compares with that of the largest class; with
    `warmup`, with the number of items without a pseudo-label as long as that is larger.
    """

    def __init__(self, items: int, classes: int, threshold: float, mapping: ThresholdMapping, *, warmup: bool) -> None:
        self.learnt = torch.full((items,), -1)
        """(n,): the last pseudo-label of each item that passed `threshold`; -1 if none has."""
        self.counts = torch.zeros(classes, dtype=torch.int64)
        """(C,): items by last pseudo-label."""
        self._threshold = threshold
        self._mapping = mapping
        self._warmup = warmup

    def thresholds(self) -> Tensor:
        """Return the threshold of each class (C,)."""
        largest = int(self.counts.max())
        if self._warmup:
            largest = max(largest, len(self.learnt) - int(self.counts.sum()))
        share = self.counts / max(1, largest)
        return self._threshold * (share / (2 - share) if self._mapping == "convex" else (1 + share) / 2)

    def update(self, rows: Tensor, probabilities: Tensor, *, forget: bool = False) -> None:
        """Note the pseudo-labels of `rows` (b,) that pass the threshold, from probabilities (b, C).

        With `forget`, rows that do not pass lose their last pseudo-label. If a row occurs several times, its
        last probabilities count.
        """
        rows, last = last_occurrences(rows)
        confidence, labels = probabilities[last].max(dim=1)
        passed = confidence >= self._threshold
        new = torch.where(passed, labels, -1 if forget else self.learnt[rows])
        for change, of in ((-1, self.learnt[rows]), (1, new)):
            self.counts += change * torch.bincount(of[of >= 0], minlength=len(self.counts))
        self.learnt[rows] = new

    def state_dict(self) -> dict[str, Tensor]:
        """Return the pseudo-labels, for `ResumeFile`."""
        return {"learnt": self.learnt, "counts": self.counts}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore the pseudo-labels."""
        self.learnt.copy_(state["learnt"])
        self.counts.copy_(state["counts"])
