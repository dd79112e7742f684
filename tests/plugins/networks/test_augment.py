"""Views of images: exact where the draw is known, within bounds where it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nextlabel_plugins.networks.augment import Views

Draw = Callable[[float], None]


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Make every draw the same number of -1..1."""

    def fix(number: float) -> None:
        monkeypatch.setattr(torch, "rand", lambda *shape: torch.full(shape, (number + 1) / 2))

    return fix


@pytest.fixture
def images() -> Tensor:
    return torch.arange(2 * 3 * 6 * 8, dtype=torch.float32).reshape(2, 3, 6, 8)


def test_no_view_is_the_image_itself(images: Tensor) -> None:
    assert Views()(images) is images


def test_flip(images: Tensor, draw: Draw) -> None:
    draw(-1)
    torch.testing.assert_close(Views(flip=True)(images), images.flip(3))
    draw(1)
    torch.testing.assert_close(Views(flip=True)(images), images)


def test_shift_by_a_share_of_each_side_and_repeat_the_border(images: Tensor, draw: Draw) -> None:
    square = images[..., :6]
    draw(1)
    moved = Views(shift=1 / 6)(square)
    torch.testing.assert_close(moved[..., :-1, :-1], square[..., 1:, 1:])
    torch.testing.assert_close(moved[..., -1, :-1], square[..., -1, 1:])


def test_a_quarter_turn(images: Tensor, draw: Draw) -> None:
    square = images[..., :6]
    draw(1)
    torch.testing.assert_close(Views(turn=90)(square), square.rot90(1, (2, 3)), atol=1e-3, rtol=0)


def test_a_turn_of_an_oblong_keeps_its_shapes(draw: Draw) -> None:
    bar = torch.zeros(1, 1, 9, 17)
    bar[..., 4, 5:12] = 1
    draw(1)
    turned = Views(turn=90)(bar)
    expected = torch.zeros(1, 1, 9, 17)
    expected[..., 1:8, 8] = 1
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=0)


def test_scale_and_shear_keep_the_middle(draw: Draw) -> None:
    dot = torch.zeros(1, 1, 9, 9)
    dot[..., 4, 4] = 1
    draw(1)
    for views in (Views(scale=0.5), Views(shear=0.5)):
        assert views(dot)[0, 0, 4, 4] == pytest.approx(1)


def test_views_differ_within_a_batch() -> None:
    torch.manual_seed(0)
    same = torch.rand(1, 1, 8, 8).expand(16, -1, -1, -1)
    views = Views(shift=0.1, turn=10, scale=0.1, shear=0.1, flip=True)(same)
    assert views.shape == same.shape
    assert len({view.numpy().tobytes() for view in views}) == 16
    assert 0 <= views.min() <= views.max() <= 1
