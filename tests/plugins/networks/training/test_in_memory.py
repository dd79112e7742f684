"""Views gathered by index: exactly the pixels of the image, shifted and flipped."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nextlabel_plugins.networks.training.in_memory import InMemoryImages, reflect

ROWS = torch.arange(40)


@pytest.fixture
def images() -> Tensor:
    return torch.arange(40 * 6 * 8 * 3, dtype=torch.int64).reshape(40, 6, 8, 3).remainder(251).byte()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_without_augmentation_a_view_is_the_image_itself(images: Tensor) -> None:
    views = InMemoryImages(images, 0, flip=False).views(ROWS, 0)
    assert views.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(views, images.permute(0, 3, 1, 2))


def test_each_image_is_flipped_every_other_epoch(images: Tensor) -> None:
    in_memory = InMemoryImages(images, 0, flip=True)
    first, second, third = (in_memory.views(ROWS, epoch) for epoch in range(3))
    assert torch.equal(first, third)
    assert torch.equal(first.flip(3), second)
    unflipped_images = images.permute(0, 3, 1, 2)
    unflipped = (first == unflipped_images).flatten(1).all(dim=1)
    assert 5 < unflipped.sum() < 35
    assert torch.equal(first[~unflipped], unflipped_images[~unflipped].flip(3))


def test_a_shifted_view_is_a_crop_of_the_reflected_image(images: Tensor) -> None:
    padded = functional.pad(images.permute(0, 3, 1, 2).float(), (2, 2, 2, 2), mode="reflect")
    shifts = set()
    for view, image in zip(InMemoryImages(images, 2, flip=False).views(ROWS, 0).float(), padded, strict=True):
        matches = [(y, x) for y in range(5) for x in range(5) if torch.equal(view, image[:, y : y + 6, x : x + 8])]
        assert matches
        shifts.update(matches)
    assert len(shifts) > 12


def test_smaller_views_are_crops_of_the_shifted_image(images: Tensor) -> None:
    views = InMemoryImages(images, 1, flip=False).views(ROWS, 0, (4, 4))
    assert views.shape == (40, 3, 4, 4)
    padded = functional.pad(images.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="reflect")
    for view, image in zip(views.float(), padded, strict=True):
        windows = image.unfold(1, 4, 1).unfold(2, 4, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
        assert (windows == view).flatten(1).all(dim=1).any()


def test_coordinates_are_reflected_at_both_ends() -> None:
    assert reflect(torch.arange(-2, 6), 4).tolist() == [2, 1, 0, 1, 2, 3, 2, 1]


def test_an_image_smaller_than_the_shift_still_works() -> None:
    tiny = torch.full((3, 1, 2, 1), 7, dtype=torch.uint8)
    assert (InMemoryImages(tiny, 5, flip=True).views(torch.arange(3), 1) == 7).all()
