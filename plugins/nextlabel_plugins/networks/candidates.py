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
        loss = (1 - smoothing) * loss - smoothing * logarithms.mean(dim=1)
    return loss.mean()
