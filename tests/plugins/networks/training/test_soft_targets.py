"""The targets of PRODEN, compared with hand calculations and, to the bit, with cross entropy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nextlabel_plugins.networks.training.soft_targets import SoftTargets, softmax_over_candidates

ALL = torch.arange(3)
SETS = torch.tensor([[True, True, False, False], [False, True, False, False], [True, True, True, True]])


def test_weights_start_uniform_over_the_candidates() -> None:
    expected = torch.tensor([[0.5, 0.5, 0, 0], [0, 1, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    torch.testing.assert_close(SoftTargets(SETS).weights, expected)


def test_an_update_by_hand() -> None:
    targets = SoftTargets(SETS)
    p = torch.tensor([[0.1, 0.3, 0.2, 0.4], [0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1]])
    logits = p.log() + 7
    by_hand = -(0.5 * np.log(0.1 * 0.3) + np.log(0.1) + 0.25 * np.log(0.4 * 0.3 * 0.2 * 0.1)) / 3
    torch.testing.assert_close(
        targets.loss(ALL, logits[None], targets.weights), torch.tensor(by_hand, dtype=torch.float32)
    )
    targets.update(ALL, logits[None])
    torch.testing.assert_close(targets.weights[0], torch.tensor([0.25, 0.75, 0, 0]))
    assert targets.weights[1].tolist() == [0, 1, 0, 0]
    torch.testing.assert_close(targets.weights[2], p[2])


def test_only_rows_of_the_batch_change() -> None:
    targets = SoftTargets(SETS)
    targets.update(torch.tensor([0]), torch.tensor([[[2.0, 0.0, 0.0, 0.0]]]))
    assert targets.weights[0, 0] > 0.8
    torch.testing.assert_close(targets.weights[2], torch.full((4,), 0.25))


def test_of_a_repeated_item_the_last_estimate_is_stored() -> None:
    """Uses many rows, because torch writes those in parallel and in any order."""
    rows = torch.arange(4000) % 40
    sets = torch.ones(40, 10, dtype=torch.bool)
    logits = torch.randn(1, 4000, 10, generator=torch.Generator().manual_seed(0))
    targets = SoftTargets(sets)
    estimates = targets.update(rows, logits)
    torch.testing.assert_close(estimates, torch.softmax(logits[0], dim=1))
    assert torch.equal(targets.weights, estimates[-40:])


def test_momentum_retains_a_share_of_the_old_weights() -> None:
    targets = SoftTargets(SETS, momentum=0.9)
    targets.update(torch.tensor([0]), torch.tensor([[[100.0, -100.0, 0.0, 0.0]]]))
    torch.testing.assert_close(targets.weights[0], torch.tensor([0.55, 0.45, 0.0, 0.0]))


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.99))
def test_one_candidate_has_the_exact_gradient_of_cross_entropy(seed: int, momentum: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = (torch.randn(16, 5, generator=generator) * 20).requires_grad_()
    truth = torch.randint(0, 5, (16,), generator=generator)
    targets = SoftTargets(functional.one_hot(truth, 5).bool(), momentum)
    weights = targets.update(torch.arange(16), logits.detach()[None])
    (gradient,) = torch.autograd.grad(targets.loss(torch.arange(16), logits[None], weights), logits)
    (expected,) = torch.autograd.grad(functional.cross_entropy(logits, truth), logits)
    assert torch.equal(gradient, expected)


@given(st.integers(0, 2**32 - 1))
def test_weights_are_always_a_distribution_over_the_set(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    sets = torch.rand(8, 6, generator=generator) < 0.4
    sets[torch.arange(8), torch.randint(0, 6, (8,), generator=generator)] = True
    targets = SoftTargets(sets)
    logits = (torch.randn(8, 6, generator=generator) * 300).requires_grad_()
    loss = targets.loss(torch.arange(8), logits[None], targets.weights)
    loss.backward()
    targets.update(torch.arange(8), logits.detach()[None])
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert loss.isfinite()
    torch.testing.assert_close(targets.weights.sum(dim=1), torch.ones(8))
    assert (targets.weights[~sets] == 0).all()


def test_candidates_far_below_the_best_class_still_share_the_weight() -> None:
    weights = softmax_over_candidates(torch.tensor([[1000.0, -1000.0, -1000.0]]), torch.tensor([[False, True, True]]))
    torch.testing.assert_close(weights, torch.tensor([[0.0, 0.5, 0.5]]))


def test_views_are_combined_by_their_geometric_mean() -> None:
    targets = SoftTargets(SETS[:1])
    p = torch.tensor([[[0.4, 0.1, 0.3, 0.2]], [[0.1, 0.1, 0.4, 0.4]]])
    targets.update(torch.tensor([0]), p.log())
    first, second = (0.4 * 0.1) ** 0.5, (0.1 * 0.1) ** 0.5
    torch.testing.assert_close(targets.weights[0, :2], torch.tensor([first, second]) / (first + second))
    by_hand = -(targets.weights[0, :2] * p.log()[:, 0, :2]).sum() / 2
    torch.testing.assert_close(targets.loss(torch.tensor([0]), p.log(), targets.weights), by_hand)
