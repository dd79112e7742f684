"""Random batches: their size, and how often each row occurs."""

from __future__ import annotations

import pytest
import torch

from nextlabel_plugins.networks.training.batches import RandomBatches


@pytest.mark.parametrize(
    ("rows", "size", "copies", "expected"),
    [(40, 64, 1639, 64), (40, 64, 1, 40), (40, 100, 1, 80), (40, 7, 1, 7), (3, 8, 2, 6)],
)
def test_a_batch_is_as_large_as_asked_or_whole_passes(rows: int, size: int, copies: int, expected: int) -> None:
    order = RandomBatches(rows, size, copies)
    assert (order.size, len(order.draw()), len(order.draw())) == (expected, expected, expected)


@pytest.mark.parametrize("copies", [1, 4])
def test_a_pass_has_each_row_so_many_times(copies: int) -> None:
    order = RandomBatches(10, 5, copies)
    first, second = (torch.cat([order.draw() for _ in range(2 * copies)]) for _ in range(2))
    assert torch.equal(torch.bincount(first), torch.full((10,), copies))
    assert torch.equal(torch.bincount(second), torch.full((10,), copies))
    assert not torch.equal(first, second)


def test_copies_are_in_any_order() -> None:
    order = RandomBatches(10, 10, 4)
    assert torch.bincount(order.draw(), minlength=10).max() > 1
