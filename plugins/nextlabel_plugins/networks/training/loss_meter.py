"""Running mean of the loss, reported at regular intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


class LossMeter:
    """Averages the losses of `updates` updates and reports the mean so far `reports` times."""

    def __init__(self, progress: Callable[[float, Mapping[str, float]], None], updates: int, reports: int) -> None:
        self._progress = progress
        self._updates = updates
        self._reports = reports
        self._done = 0
        self._total = torch.zeros(())

    def add(self, loss: Tensor) -> None:
        """Add the loss of one update."""
        previous, self._done = self._done, self._done + 1
        self._total = self._total + loss.detach()  # stays on the device of the loss
        # reading a number from a GPU waits for it, so do that only for a report
        if self._done * self._reports // self._updates > previous * self._reports // self._updates:
            self._progress(self._done / self._updates, {"loss": float(self._total) / self._done})
