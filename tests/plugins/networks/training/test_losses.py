"""The candidate loss, compared with its definition and with cross entropy."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nextlabel_plugins.networks.training.losses import candidate_loss


def test_the_loss_of_three_sets_by_hand() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log()
    sets = torch.tensor([[[True, False, False]], [[True, False, True]], [[True, True, True]]])
    for rows, probability in zip(sets, (0.5, 0.7, 1.0), strict=True):
        assert math.isclose(candidate_loss(logits, rows), -math.log(probability), abs_tol=1e-6)


def test_for_a_full_label_it_is_cross_entropy() -> None:
    logits, truth = torch.randn(20, 5, generator=torch.Generator().manual_seed(0)) * 5, torch.arange(20) % 5
    sets = functional.one_hot(truth, 5).bool()
    for smoothing in (0.0, 0.1):
        expected = functional.cross_entropy(logits, truth, label_smoothing=smoothing)
        torch.testing.assert_close(candidate_loss(logits, sets, smoothing), expected)


@given(st.integers(0, 2**32 - 1))
def test_a_set_has_the_sum_of_its_probabilities(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, sets = rng.normal(0, 3, (6, 4)), rng.random((6, 4)) < 0.5
    sets[np.arange(6), rng.integers(0, 4, 6)] = True
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.mean([-math.log(row[inside].sum()) for row, inside in zip(probabilities, sets, strict=True)])
    assert math.isclose(candidate_loss(torch.from_numpy(logits), torch.from_numpy(sets)), expected, abs_tol=1e-9)


def test_smoothing_pulls_to_equal_probabilities_within_the_set() -> None:
    logits = torch.tensor([[1.0, 3.0, -2.0, 0.0]], requires_grad=True)
    pair = torch.tensor([[True, True, False, False]])
    (gradient,) = torch.autograd.grad(candidate_loss(logits, pair, 0.5), logits)
    inside = torch.softmax(logits[:, :2], dim=1)
    outside = torch.softmax(logits, dim=1)
    # half of -log of the pair's probability, half of cross entropy with a half for each of the two
    expected = outside - 0.5 * torch.cat([inside, torch.zeros(1, 2)], dim=1) - 0.5 * torch.tensor([[0.5, 0.5, 0, 0]])
    torch.testing.assert_close(gradient, expected)
    unlabelled = candidate_loss(logits, torch.ones(1, 4, dtype=torch.bool), 0.5)
    assert torch.autograd.grad(unlabelled, logits)[0].abs().max() < 1e-6


def test_all_classes_give_no_gradient_and_extreme_logits_are_finite() -> None:
    logits = torch.tensor([[1000.0, -1000.0], [3.0, 4.0]], requires_grad=True)
    loss = candidate_loss(logits, torch.tensor([[False, True], [True, True]]))
    loss.backward()
    assert loss.item() == 1000
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([[0.5, -0.5], [0.0, 0.0]]))
