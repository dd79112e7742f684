"""The loss for candidate sets."""

from __future__ import annotations

import torch
from torch import Tensor


def candidate_loss(logits: Tensor, candidates: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return -log of the probability summed over each row's candidates, averaged over the rows.

    `logits` (b, C), `candidates` (b, C) bool. For a set of one class this is cross entropy, for a
    set of all classes zero. `label_smoothing` is the share of the loss that pulls towards equal
    probabilities within the set, or over all C classes if the set has one class.
    """
    log_probabilities = torch.log_softmax(logits, dim=1)
    inside = torch.logsumexp(log_probabilities.masked_fill(~candidates, -torch.inf), dim=1)
    loss = -inside
    if label_smoothing:
        count = candidates.sum(dim=1, keepdim=True)
        smoothed = candidates | (count == 1)
        uniform = torch.where(smoothed, log_probabilities, 0.0).sum(dim=1) / smoothed.sum(dim=1)
        uniform = torch.where(candidates.all(dim=1), 0.0, uniform)  # an unlabelled item has no loss at all
        loss = (1 - label_smoothing) * loss - label_smoothing * uniform
    return loss.mean()
