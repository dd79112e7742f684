"""Random batches of item indices."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def batches(rows: int, size: int, count: int) -> Iterator[Tensor]:
    """Yield `count` batches of up to `size` indices, from shuffled passes over all `rows`.

    If there are fewer rows than fit into a batch, each occurs several times in it, as a
    different view each time.
    """
    repeats = max(1, size // rows)
    queue = torch.empty(0, dtype=torch.int64)
    size = min(size, rows * repeats)
    for _ in range(count):
        if len(queue) < size:
            queue = torch.cat([queue, *(torch.randperm(rows) for _ in range(repeats))])
        yield queue[:size]
        queue = queue[size:]
