"""Views that predictions are averaged over."""

from __future__ import annotations

import pytest
import torch

from nextlabel_plugins.networks.averaging import View, views


@pytest.mark.parametrize(("averaging", "count"), [("none", 1), ("flip", 2), ("flip-shift", 6)])
def test_weights_add_up_to_one(averaging: str, count: int) -> None:
    chosen = views(averaging)
    assert len(chosen) == count
    assert sum(view.weight for view in chosen) == 1
    assert len({(view.shift, view.mirrored) for view in chosen}) == count


def test_views_move_and_mirror() -> None:
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert View(0, False, 1)(image) is image
    assert torch.equal(View(0, True, 1)(image), image.flip(3))
    moved = View(1, False, 1)(image)[0, 0]
    assert torch.equal(moved[1:, 1:], image[0, 0, :-1, :-1])
    assert torch.equal(moved[0], moved[2])  # the border is reflected
    back = View(-1, False, 1)(image)[0, 0]
    assert torch.equal(back[:-1, :-1], image[0, 0, 1:, 1:])
    assert torch.equal(View(-1, True, 1)(image)[0, 0], back.flip(1))
