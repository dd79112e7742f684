"""The mean loss of each epoch, and progress reports in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

REPORT_EVERY = 0.5
"""Seconds between two reports, so that a training that is cancelled ends soon."""


class LossMeter:
    """Averages the losses of an epoch's updates and reports the mean, also while the epoch goes on.

    An epoch is one of `epochs` equal parts of the `updates`: a pass over the items, or several if
    there are few. The report at its end has the number of the epoch, from 1. If there are fewer
    updates than epochs, each update is an epoch. Each report has the number of updates, `step`.
    """

    def __init__(
        self,
        progress: Callable[[float, Mapping[str, float]], None],
        updates: int,
        epochs: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = progress
        self._updates = updates
        self._epochs = min(epochs, updates)
        self._clock = clock
        self._reported = clock()
        self._done = 0
        self._first = 0
        self._total = torch.zeros(())

    def add(self, loss: Tensor) -> None:
        """Add the loss of one update."""
        self._done += 1
        self._total = self._total + loss.detach()  # stays on the device of the loss
        share, epoch = self._done / self._updates, self._done * self._epochs // self._updates
        ended = epoch > (self._done - 1) * self._epochs // self._updates
        # reading a number from a GPU waits for it, so do that only for a report
        if ended:
            self._report(share, {"loss": self._mean(), "step": self._done, "epoch": epoch})
            self._first, self._total = self._done, torch.zeros_like(self._total)
        elif self._clock() - self._reported >= REPORT_EVERY:
            self._report(share, {"loss": self._mean(), "step": self._done})

    def state_dict(self) -> dict[str, Any]:
        """Return the losses so far of the current epoch, for `ResumeFile`."""
        return {"done": self._done, "first": self._first, "total": self._total}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on within an epoch."""
        self._done, self._first, self._total = state["done"], state["first"], state["total"]

    def _mean(self) -> float:
        return float(self._total) / (self._done - self._first)

    def _report(self, share: float, metrics: Mapping[str, float]) -> None:
        self._reported = self._clock()
        self._progress(share, metrics)
