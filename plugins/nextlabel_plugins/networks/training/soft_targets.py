"""The targets of PRODEN: a weight per candidate, re-estimated during training.

Lv, Xu, Feng, Niu, Geng, Sugiyama, "Progressive identification of true labels for
partial-label learning", ICML 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nextlabel_plugins.networks.training.batches import last_occurrences


class SoftTargets:
    """Weights w (n, C) over each item's candidates S; each row sums to one and starts uniform.

    A prediction p of the item re-estimates them: w_j becomes p_j / sum_{k in S} p_k for j in S,
    or moves towards that by 1 - `momentum`. The loss is -sum_j w_j log p_j. With one candidate,
    its weight is always one and the loss is cross entropy.

    Several views of an item are combined: their p is the normalised geometric mean, and all
    views share the same w (the "conformal label distribution" of CR-DPLL: Wu, Wang, Zhang,
    "Revisiting consistency regularization for deep partial label learning", ICML 2022).
    """

    def __init__(self, candidates: Tensor, momentum: float = 0.0) -> None:
        self.candidates = candidates
        self.momentum = momentum
        self.weights = candidates / candidates.sum(dim=1, keepdim=True)

    @torch.no_grad()
    def update(self, rows: Tensor, logits: Tensor) -> Tensor:
        """Re-estimate the weights of `rows` (b,) from `logits` (v, b, C) of their v views; return them (b, C).

        If a row occurs several times, its last estimate is stored.
        """
        # the mean of logarithms is the logarithm of the geometric mean; the softmax normalises it
        estimates = softmax_over_candidates(logits.mean(dim=0), self.candidates[rows])
        if self.momentum:
            estimates = torch.lerp(estimates, self.weights[rows], self.momentum)
        items, last = last_occurrences(rows)
        self.weights[items] = estimates[last]
        return estimates

    def loss(self, rows: Tensor, logits: Tensor, weights: Tensor) -> Tensor:
        """Return the mean loss of v views of the items `rows` (b,) against `weights` (b, C).

        `logits` (v, b, C) float32.
        """
        log_probabilities = torch.log_softmax(logits, dim=2)
        # outside the candidates the weight is zero, but the logarithm may be -inf
        terms = torch.where(self.candidates[rows], weights * log_probabilities, 0.0)
        return -terms.sum(dim=2).mean()


def softmax_over_candidates(logits: Tensor, candidates: Tensor) -> Tensor:
    """Return the softmax of `logits` (b, C), restricted to `candidates` (b, C) bool and normalised over them."""
    return torch.softmax(logits.masked_fill(~candidates, -torch.inf), dim=1)
