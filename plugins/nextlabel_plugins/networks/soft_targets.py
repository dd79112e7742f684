"""PRODEN's targets: how much of each candidate an image is, found out while training.

Lv, Xu, Feng, Niu, Geng, Sugiyama, "Progressive identification of true labels for
partial-label learning", ICML 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor


class SoftTargets:
    """Weights w (n, C) over each item's candidates S, rows summing to one; uniform at first.

    A prediction p of the item re-estimates them: w_j becomes p_j / sum_{k in S} p_k for j in
    S, or moves towards that by 1 - `momentum`. The loss is -sum_j w_j log p_j. One candidate:
    w is one there and stays, and the loss is cross entropy.

    Several views of an item speak together: their p is the normalised geometric mean, and
    each is held to the same w (the "conformal label distribution" of CR-DPLL: Wu, Wang,
    Zhang, "Revisiting consistency regularization for deep partial label learning", ICML 2022).
    """

    def __init__(self, candidates: Tensor, momentum: float = 0.0) -> None:
        self.candidates = candidates
        self.momentum = momentum
        self.weights = candidates / candidates.sum(dim=1, keepdim=True)

    @torch.no_grad()
    def update(self, rows: Tensor, logits: Tensor) -> Tensor:
        """Re-estimate the items `rows` (b,) from `logits` (v, b, C) of their v views; return what each is now, (b, C).

        Of an item that stands several times among the rows the last estimate is kept.
        """
        # the mean of logarithms is that of a geometric mean, up to what normalising removes
        said = restricted(logits.mean(dim=0), self.candidates[rows])
        if self.momentum:
            said = torch.lerp(said, self.weights[rows], self.momentum)
        # written one after another, or which of several stays would hang on the threads
        items, places = torch.unique(rows, return_inverse=True)
        last = torch.zeros_like(items).scatter_reduce(0, places, torch.arange(len(rows)), "amax")
        self.weights[items] = said[last]
        return said

    def loss(self, rows: Tensor, logits: Tensor, weights: Tensor) -> Tensor:
        """Return the mean loss of v views of the items `rows` (b,), each held to `weights` (b, C).

        `logits` (v, b, C) float32.
        """
        logarithms = torch.log_softmax(logits, dim=2)
        # where w is zero the term is: a logarithm may be -inf there
        terms = torch.where(self.candidates[rows], weights * logarithms, 0.0)
        return -terms.sum(dim=2).mean()


def restricted(logits: Tensor, candidates: Tensor) -> Tensor:
    """Return softmax of `logits` (b, C) renormalised over `candidates` (b, C) bool, by logarithms."""
    return torch.softmax(logits.masked_fill(~candidates, -torch.inf), dim=1)
