"""Which items each update learns from."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def batches(rows: int, size: int, count: int) -> Iterator[Tensor]:
    """Yield `count` batches of at most `size`, from shuffled passes over all `rows`.

    Fewer rows than a batch are repeated in it: each time they are another view.
    """
    repeated = max(1, size // rows)
    queue = torch.empty(0, dtype=torch.int64)
    size = min(size, rows * repeated)
    for _ in range(count):
        if len(queue) < size:
            queue = torch.cat([queue, *(torch.randperm(rows) for _ in range(repeated))])
        yield queue[:size]
        queue = queue[size:]
