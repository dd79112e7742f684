"""Views gathered by index: exactly the image's own pixels, moved and mirrored."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nextlabel_plugins.networks.resident import Resident, reflected

ROWS = torch.arange(40)


@pytest.fixture
def images() -> Tensor:
    return torch.arange(40 * 6 * 8 * 3, dtype=torch.int64).reshape(40, 6, 8, 3).remainder(251).byte()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_nothing_asked_is_the_image_itself(images: Tensor) -> None:
    views = Resident(images, 0, flip=False).views(ROWS, 0)
    assert views.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(views, images.permute(0, 3, 1, 2))


def test_each_is_mirrored_every_other_epoch(images: Tensor) -> None:
    resident = Resident(images, 0, flip=True)
    first, second, third = (resident.views(ROWS, epoch) for epoch in range(3))
    assert torch.equal(first, third)
    assert torch.equal(first.flip(3), second)
    plain = images.permute(0, 3, 1, 2)
    straight = (first == plain).flatten(1).all(dim=1)
    assert 5 < straight.sum() < 35
    assert torch.equal(first[~straight], plain[~straight].flip(3))


def test_a_shift_is_a_cut_out_of_the_reflected_image(images: Tensor) -> None:
    padded = functional.pad(images.permute(0, 3, 1, 2).float(), (2, 2, 2, 2), mode="reflect")
    seen = set()
    for view, image in zip(Resident(images, 2, flip=False).views(ROWS, 0).float(), padded, strict=True):
        found = [
            (down, across)
            for down in range(5)
            for across in range(5)
            if torch.equal(view, image[:, down : down + 6, across : across + 8])
        ]
        assert found
        seen.update(found)
    assert len(seen) > 12


def test_smaller_views_lie_within_the_shifted_image(images: Tensor) -> None:
    views = Resident(images, 1, flip=False).views(ROWS, 0, (4, 4))
    assert views.shape == (40, 3, 4, 4)
    padded = functional.pad(images.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="reflect")
    for view, image in zip(views.float(), padded, strict=True):
        windows = image.unfold(1, 4, 1).unfold(2, 4, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
        assert (windows == view).flatten(1).all(dim=1).any()


def test_lines_are_reflected_at_both_ends() -> None:
    assert reflected(torch.arange(-2, 6), 4).tolist() == [2, 1, 0, 1, 2, 3, 2, 1]


def test_an_image_smaller_than_the_shift_still_works() -> None:
    one = torch.full((3, 1, 2, 1), 7, dtype=torch.uint8)
    assert (Resident(one, 5, flip=True).views(torch.arange(3), 1) == 7).all()
