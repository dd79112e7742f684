"""Random batches of item indices."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


class RandomBatches:
    """Draws batches of up to `size` indices, from shuffled passes over all `rows`.

    If there are fewer rows than fit into a batch, each occurs several times in it, as a
    different view each time. With `copies`, a pass has each row so many times, in any order.
    """

    def __init__(self, rows: int, size: int, copies: int = 1) -> None:
        self._rows = rows
        self._copies = copies
        self._repeats = max(1, size // rows)
        self._queue = torch.empty(0, dtype=torch.int64)
        self.size = min(size, rows * self._repeats)
        """Number of indices in each batch."""

    def draw(self) -> Tensor:
        """Return the next batch of indices (size,)."""
        if len(self._queue) < self.size:
            passes = (torch.randperm(self._rows * self._copies) % self._rows for _ in range(self._repeats))
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
