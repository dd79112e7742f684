"""The optimizer of `Airbench`: when the bias of the whitening is trained."""

from __future__ import annotations

import torch

from nextlabel_plugins.networks.architectures.airbench import Airbench
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.training.optimizers import AirbenchOptimizer

STEPS, WHITENING_SHARE = 8, 0.25


def train(network: Airbench, *, force_gradient: bool) -> list[bool]:
    """Train on noise; return for each update whether the whitening's bias required a gradient."""
    torch.manual_seed(1)
    optimizer = AirbenchOptimizer(network, learning_rate=0.24, batch_size=16, whitening_share=WHITENING_SHARE)
    bias = network.whitening.bias
    assert bias is not None
    required = []
    for step in range(STEPS):
        required.append(bias.requires_grad)
        if force_gradient:
            bias.requires_grad_()
        network.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(network(255 * torch.rand(16, 3, 8, 8)), torch.arange(16) % 3)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(step / STEPS)
    return required


def airbench() -> Airbench:
    torch.manual_seed(0)
    return Airbench(Shape(8, 8, 3, 3, filters=4, dropout=0.0, kind="fast")).train()


def test_skipping_the_whitenings_gradient_changes_no_weight() -> None:
    skipped, computed = airbench(), airbench()
    assert train(skipped, force_gradient=False) == [True] * 3 + [False] * 5
    train(computed, force_gradient=True)
    assert all(torch.equal(*pair) for pair in zip(skipped.parameters(), computed.parameters(), strict=True))


def test_another_training_trains_the_whitening_again() -> None:
    network = airbench()
    train(network, force_gradient=False)
    bias = network.trunk[0].bias
    assert isinstance(bias, torch.Tensor)
    before = bias.detach().clone()
    assert train(network, force_gradient=False)[0]
    assert not torch.equal(bias, before)
