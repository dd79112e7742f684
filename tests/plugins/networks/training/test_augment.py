"""Augmentation: exact results for fixed random numbers, bounds for others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nextlabel_plugins.networks.training.augment import RandomAffine

Draw = Callable[[float], None]


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Return a function that fixes all random numbers, on a scale of -1..1."""

    def fix(number: float) -> None:
        monkeypatch.setattr(torch, "rand", lambda *shape: torch.full(shape, (number + 1) / 2))

    return fix


@pytest.fixture
def images() -> Tensor:
    return torch.arange(2 * 3 * 6 * 8, dtype=torch.float32).reshape(2, 3, 6, 8)


def test_zero_changes_return_the_image_itself(images: Tensor) -> None:
    assert RandomAffine()(images) is images


def test_flip_is_left_to_right(images: Tensor, draw: Draw) -> None:
    draw(-1)
    torch.testing.assert_close(RandomAffine(flip=True)(images), images.flip(3))
    draw(1)
    torch.testing.assert_close(RandomAffine(flip=True)(images), images)


def test_a_shift_is_a_share_of_the_side_and_repeats_the_border(images: Tensor, draw: Draw) -> None:
    square = images[..., :6]
    draw(1)
    shifted = RandomAffine(shift=1 / 6)(square)
    torch.testing.assert_close(shifted[..., :-1, :-1], square[..., 1:, 1:])
    torch.testing.assert_close(shifted[..., -1, :-1], square[..., -1, 1:])


def test_a_rotation_by_90_degrees(images: Tensor, draw: Draw) -> None:
    square = images[..., :6]
    draw(1)
    torch.testing.assert_close(RandomAffine(rotation=90)(square), square.rot90(1, (2, 3)), atol=1e-3, rtol=0)


def test_rotating_an_oblong_image_does_not_distort_it(draw: Draw) -> None:
    bar = torch.zeros(1, 1, 9, 17)
    bar[..., 4, 5:12] = 1
    draw(1)
    rotated = RandomAffine(rotation=90)(bar)
    expected = torch.zeros(1, 1, 9, 17)
    expected[..., 1:8, 8] = 1
    torch.testing.assert_close(rotated, expected, atol=1e-4, rtol=0)


def test_scale_and_shear_leave_the_centre_in_place(draw: Draw) -> None:
    dot = torch.zeros(1, 1, 9, 9)
    dot[..., 4, 4] = 1
    draw(1)
    for augment in (RandomAffine(scale=0.5), RandomAffine(shear=0.5)):
        assert augment(dot)[0, 0, 4, 4] == pytest.approx(1)


def test_each_image_of_a_batch_gets_its_own_view() -> None:
    torch.manual_seed(0)
    same = torch.rand(1, 1, 8, 8).expand(16, -1, -1, -1)
    views = RandomAffine(shift=0.1, rotation=10, scale=0.1, shear=0.1, flip=True)(same)
    assert views.shape == same.shape
    assert len({view.numpy().tobytes() for view in views}) == 16
    assert 0 <= views.min() <= views.max() <= 1
