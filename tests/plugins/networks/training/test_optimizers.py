"""The schedules of SGD, and the optimizer of `Airbench`: when the bias of the whitening is trained."""

from __future__ import annotations

import pytest
import torch

from nextlabel_plugins.networks.architectures.airbench import Airbench
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.training.optimizers import AirbenchOptimizer, ScheduledSGD, SGDConfig, cosine, steps

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


@pytest.mark.parametrize(("epochs", "updates"), [(7, 70), (15, 2930), (500, 97_656)])
def test_the_learning_rate_falls_after_whole_epochs(epochs: int, updates: int) -> None:
    factor = steps(epochs, step_size=2, gamma=0.5)
    found = [factor(update / updates) for update in range(updates)]
    assert found == [0.5 ** (update * epochs // updates // 2) for update in range(updates)]


def test_the_cosine_falls_from_one_to_zero() -> None:
    assert [cosine(done) for done in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.5, 0.0])


def test_nesterov_needs_no_momentum() -> None:
    weight = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(weight.weight)
    optimizer = ScheduledSGD(weight, 0.5, 0.0, SGDConfig(momentum=0.0, schedule=lambda done: 1 - done))
    weight.weight.grad = torch.ones(1, 1)
    optimizer.step(0.5)
    assert weight.weight.item() == 0.75
