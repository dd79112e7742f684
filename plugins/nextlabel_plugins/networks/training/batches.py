"""Random batches of item indices."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


class RandomBatches:
    """Draws batches of up to `size` indices, from shuffled passes over all `rows`.

    If there are fewer rows than fit into a batch, each occurs several times in it, as a
    different view each time.
    """

    def __init__(self, rows: int, size: int) -> None:
        self._rows = rows
        self._repeats = max(1, size // rows)
        self._queue = torch.empty(0, dtype=torch.int64)
        self.size = min(size, rows * self._repeats)
        """Number of indices in each batch."""

    def draw(self) -> Tensor:
        """Return the next batch of indices (size,)."""
        if len(self._queue) < self.size:
            self._queue = torch.cat([self._queue, *(torch.randperm(self._rows) for _ in range(self._repeats))])
        batch, self._queue = self._queue[: self.size], self._queue[self.size :]
        return batch

    def state_dict(self) -> dict[str, Tensor]:
        """Return the rest of the pass, for `ResumeFile`."""
        return {"queue": self._queue.clone()}  # without the storage of the whole pass

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on with the rest of a pass."""
        self._queue = state["queue"]


def batches(rows: int, size: int, count: int) -> Iterator[Tensor]:
    """Yield the first `count` batches of `RandomBatches(rows, size)`."""
    order = RandomBatches(rows, size)
    for _ in range(count):
        yield order.draw()
