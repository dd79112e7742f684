"""Test-time augmentation: the views and their weights."""

from __future__ import annotations

import pytest
import torch

from nextlabel_plugins.networks.inference.tta import View, tta_views


@pytest.mark.parametrize(("tta", "count"), [("none", 1), ("flip", 2), ("flip-shift", 6)])
def test_weights_sum_to_one(tta: str, count: int) -> None:
    views = tta_views(tta)
    assert len(views) == count
    assert sum(view.weight for view in views) == 1
    assert len({(view.shift, view.flip) for view in views}) == count


def test_views_shift_and_flip() -> None:
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert View(0, False, 1)(image) is image
    assert torch.equal(View(0, True, 1)(image), image.flip(3))
    shifted = View(1, False, 1)(image)[0, 0]
    assert torch.equal(shifted[1:, 1:], image[0, 0, :-1, :-1])
    assert torch.equal(shifted[0], shifted[2])  # the border is reflected
    back = View(-1, False, 1)(image)[0, 0]
    assert torch.equal(back[:-1, :-1], image[0, 0, 1:, 1:])
    assert torch.equal(View(-1, True, 1)(image)[0, 0], back.flip(1))
