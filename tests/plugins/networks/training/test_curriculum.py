"""The thresholds of FlexMatch, compared with a plain count as in the published code."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from nextlabel_plugins.networks.training.curriculum import Curriculum, ThresholdMapping

ITEMS, CLASSES, TAU = 30, 4, 0.95


def published(learnt: list[int], *, warmup: bool) -> list[float]:
    """Return the thresholds from the last pseudo-labels of all items, -1 for none."""
    counter = Counter(learnt)
    if not warmup:
        del counter[-1]
    largest = max(counter.values(), default=1)
    shares = [counter[label] / largest for label in range(CLASSES)]
    return [TAU * share / (2 - share) for share in shares]


@pytest.mark.parametrize("warmup", [False, True])
def test_thresholds_follow_the_published_count(warmup: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    curriculum = Curriculum(ITEMS, CLASSES, TAU, "convex", warmup=warmup)
    learnt = [-1] * ITEMS
    for _ in range(40):
        assert curriculum.thresholds().tolist() == pytest.approx(published(learnt, warmup=warmup))
        rows = torch.randperm(ITEMS, generator=generator)[:7]
        probabilities = torch.softmax(4 * torch.randn(7, CLASSES, generator=generator), dim=1)
        curriculum.update(rows, probabilities)
        for row, of in zip(rows.tolist(), probabilities.tolist(), strict=True):
            if max(of) >= TAU:  # the fixed threshold, not that of the class
                learnt[row] = of.index(max(of))
    assert len(set(learnt)) == 5
    assert curriculum.learnt.tolist() == learnt


def test_a_repeated_row_counts_once() -> None:
    curriculum = Curriculum(3, 2, TAU, "convex", warmup=True)
    curriculum.update(torch.tensor([1, 1, 0]), torch.tensor([[0.99, 0.01], [0.01, 0.99], [0.99, 0.01]]))
    assert (curriculum.learnt.tolist(), curriculum.counts.tolist()) == ([0, 1, -1], [1, 1])


def test_pseudo_labels_can_be_forgotten() -> None:
    curriculum = Curriculum(3, 2, TAU, "convex", warmup=True)
    curriculum.update(torch.tensor([0, 1]), torch.tensor([[0.99, 0.01], [0.01, 0.99]]))
    curriculum.update(torch.tensor([0]), torch.tensor([[0.6, 0.4]]))
    assert curriculum.counts.tolist() == [1, 1]
    curriculum.update(torch.tensor([0]), torch.tensor([[0.6, 0.4]]), forget=True)
    assert (curriculum.learnt.tolist(), curriculum.counts.tolist()) == ([-1, 1, -1], [0, 1])


@pytest.mark.parametrize(("mapping", "expected"), [("convex", [TAU, TAU / 3]), ("linear", [TAU, TAU * 0.75])])
def test_mappings(mapping: ThresholdMapping, expected: list[float]) -> None:
    curriculum = Curriculum(3, 2, TAU, mapping, warmup=True)
    curriculum.update(torch.arange(3), torch.tensor([[0.99, 0.01], [0.99, 0.01], [0.01, 0.99]]))
    assert curriculum.thresholds().tolist() == pytest.approx(expected)
