"""Muon: orthogonalised steps and weights of constant norm."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nextlabel_plugins.networks.training.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (8, 8), (1, 5)])
def test_singular_values_end_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_singular_vectors_do_not_change() -> None:
    matrix = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
    orthogonal = orthogonalised(matrix)
    torch.testing.assert_close(orthogonal, torch.diag(orthogonal.diagonal()), atol=1e-5, rtol=0)
    assert (orthogonal.diagonal() > 0.5).all()


def test_it_converges_with_weights_of_constant_norm() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(4, 2, 3, 3) * 50)
    goal = torch.randn(4, 2, 3, 3)
    goal *= 2 / goal.norm()
    muon = Muon([weight], rate=0.1, momentum=0.6)
    distances = []
    for step in range(200):
        loss = (weight - goal).square().sum()
        weight.grad = None
        loss.backward()
        muon.rate = 0.1 * (1 - step / 200)
        muon.step()
        distances.append(loss.item())
    assert weight.norm().item() == pytest.approx(2, abs=0.2)
    assert distances[-1] < 0.05 < distances[0]


def test_a_zero_gradient_only_rescales_the_weights() -> None:
    weight = nn.Parameter(torch.ones(1, 4))
    weight.grad = torch.zeros(1, 4)
    Muon([weight], rate=0.1, momentum=0.6).step()
    torch.testing.assert_close(weight.data, torch.full((1, 4), 0.5))
