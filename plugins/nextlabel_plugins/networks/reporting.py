"""The progress of a training, told a fixed number of times."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


class Losses:
    """Adds up the losses of `updates` updates, and tells their mean `reports` times on the way."""

    def __init__(self, progress: Callable[[float, Mapping[str, float]], None], updates: int, reports: int) -> None:
        self._progress = progress
        self._updates = updates
        self._reports = reports
        self._done = 0
        self._total = torch.zeros(())

    def add(self, loss: Tensor) -> None:
        """Take in the loss of one update."""
        before, self._done = self._done, self._done + 1
        self._total = self._total + loss.detach()  # wherever the loss is
        # a number is read from the tensor only when it is told
        if self._done * self._reports // self._updates > before * self._reports // self._updates:
            self._progress(self._done / self._updates, {"loss": float(self._total) / self._done})
