"""The loss of a candidate set."""

from __future__ import annotations

import torch
from torch import Tensor


def candidate_loss(logits: Tensor, candidates: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return -log of the probability summed over each row's candidates, averaged over the rows.

    `logits` (b, C), `candidates` (b, C) bool. A set of one class gives plain cross entropy, a
    set of all classes gives zero. `smoothing` is the share of the loss that asks for equal
    probability within the set, over all C classes where the set is one class.
    """
    logarithms = torch.log_softmax(logits, dim=1)
    inside = torch.logsumexp(logarithms.masked_fill(~candidates, -torch.inf), dim=1)
    loss = -inside
    if smoothing:
        count = candidates.sum(dim=1, keepdim=True)
        over = candidates | (count == 1)
        even = torch.where(over, logarithms, 0.0).sum(dim=1) / over.sum(dim=1)
        even = torch.where(candidates.all(dim=1), 0.0, even)  # nothing is known of it, nothing is asked
        loss = (1 - smoothing) * loss - smoothing * even
    return loss.mean()
