"""Random batches of item indices."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


class RandomBatches:
    """Draws batches of up to `size` indices, from shuffled passes over all `rows`.

    A pass has each row `copies` times, in any order. If it is shorter than a batch, a batch has
    several whole passes.
    """

    def __init__(self, rows: int, size: int, copies: int = 1) -> None:
        self._rows = rows
        self._pass = rows * copies
        self._passes = max(1, size // self._pass)
        self._queue = torch.empty(0, dtype=torch.int64)
        self.size = min(size, self._pass * self._passes)
        """Number of indices in each batch."""

    def draw(self) -> Tensor:
        """Return the next batch of indices (size,)."""
        if len(self._queue) < self.size:
            passes = (torch.randperm(self._pass) % self._rows for _ in range(self._passes))
            self._queue = torch.cat([self._queue, *passes])
        batch, self._queue = self._queue[: self.size], self._queue[self.size :]
        return batch

    def state_dict(self) -> dict[str, Tensor]:
        """Return the rest of the pass, for `ResumeFile`."""
        return {"queue": self._queue.clone()}  # without the storage of the whole pass

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on with the rest of a pass."""
        self._queue = state["queue"]


def last_occurrences(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct `rows` (b,), and where in `rows` each occurs last.

    Assigning to repeated rows would depend on the timing of threads.
    """
    distinct, inverse = torch.unique(rows, return_inverse=True)
    return distinct, torch.zeros_like(distinct).scatter_reduce(0, inverse, torch.arange(len(rows)), "amax")


def batches(rows: int, size: int, count: int) -> Iterator[Tensor]:
    """Yield the first `count` batches of `RandomBatches(rows, size)`."""
    order = RandomBatches(rows, size)
    for _ in range(count):
        yield order.draw()
