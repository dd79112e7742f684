"""Muon: orthogonalised momentum (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Muon:
    """Takes steps of equal size in all directions of a convolution's weights and holds their norm constant.

    Weights (out, ...) are scaled to the norm sqrt(out) before each step. The step is the nearest
    semi-orthogonal matrix to the Nesterov momentum of the gradients, by three Newton-Schulz
    iterations.
    """

    def __init__(self, weights: Iterable[nn.Parameter], rate: float, momentum: float) -> None:
        self.weights = list(weights)
        self.rate = rate
        self.momentum = momentum
        self._sums = [torch.zeros_like(weight) for weight in self.weights]

    @torch.no_grad()
    def step(self) -> None:
        """Update the weights by their gradients."""
        for weight, total in zip(self.weights, self._sums, strict=True):
            assert weight.grad is not None
            total.mul_(self.momentum).add_(weight.grad)
            ahead = weight.grad.add(total, alpha=self.momentum)
            weight.mul_(len(weight) ** 0.5 / weight.norm())
            weight.add_(orthogonalised(ahead.flatten(1)).view_as(weight), alpha=-self.rate)

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Return the momentum of each weight."""
        return {"sums": self._sums}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        """Restore the momentum of each weight."""
        for total, saved in zip(self._sums, state["sums"], strict=True):
            total.copy_(saved)


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return approximately U V^T of the singular value decomposition U S V^T of `matrix` (m, n).

    The coefficients of the quintic raise small singular values fast; all end between about 0.7 and 1.2.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(3):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if tall else x
