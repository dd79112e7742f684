from __future__ import annotations

import torch

from nextlabel_plugins.networks.descent import FastDescent
from nextlabel_plugins.networks.fast import Fast
from nextlabel_plugins.networks.network import Shape

STEPS, OPENING = 8, 0.25


def trained(network: Fast, *, asked: bool) -> list[bool]:
    """Train on noise; return whether the whitening's bias asked for a gradient in each update."""
    torch.manual_seed(1)
    updater = FastDescent(network, rate=0.24, batch=16, opening=OPENING)
    bias = network.whitening.bias
    assert bias is not None
    wanted = []
    for step in range(STEPS):
        wanted.append(bias.requires_grad)
        if asked:
            bias.requires_grad_()
        network.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(network(255 * torch.rand(16, 3, 8, 8)), torch.arange(16) % 3)
        loss.backward()  # type: ignore[no-untyped-call]
        updater.step(step / STEPS)
    return wanted


def fast() -> Fast:
    torch.manual_seed(0)
    return Fast(Shape(8, 8, 3, 3, filters=4, dropout=0.0, kind="fast")).train()


def test_the_whitening_asks_for_no_gradient_once_it_stays_and_the_weights_are_the_same() -> None:
    spared, asked = fast(), fast()
    assert trained(spared, asked=False) == [True] * 3 + [False] * 5
    trained(asked, asked=True)
    assert all(torch.equal(one, other) for one, other in zip(spared.parameters(), asked.parameters(), strict=True))


def test_a_network_trained_before_opens_again() -> None:
    network = fast()
    trained(network, asked=False)
    before = network.trunk[0].bias
    assert isinstance(before, torch.Tensor)
    kept = before.detach().clone()
    assert trained(network, asked=False)[0]
    assert not torch.equal(before, kept)
