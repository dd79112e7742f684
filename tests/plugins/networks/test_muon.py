"""Muon: steps of equal size in every direction, weights of fixed norm."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nextlabel_plugins.networks.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (8, 8), (1, 5)])
def test_singular_values_end_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_the_directions_stay() -> None:
    matrix = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
    said = orthogonalised(matrix)
    torch.testing.assert_close(said, torch.diag(said.diagonal()), atol=1e-5, rtol=0)
    assert (said.diagonal() > 0.5).all()


def test_it_goes_down_and_keeps_the_norm_before_the_step() -> None:
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


def test_a_gradient_of_zero_moves_nothing() -> None:
    weight = nn.Parameter(torch.ones(1, 4))
    weight.grad = torch.zeros(1, 4)
    Muon([weight], rate=0.1, momentum=0.6).step()
    torch.testing.assert_close(weight.data, torch.full((1, 4), 0.5))
