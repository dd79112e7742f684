"""Strong augmentation: each operation, the strength, and what CTAugment learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torch import Tensor

from nextlabel_plugins.networks.training.strong_augment import ct_augment, operations, rand_augment
from nextlabel_plugins.networks.training.strong_augment.ct_augment import CTAugment
from nextlabel_plugins.networks.training.strong_augment.jitter import Jitter
from nextlabel_plugins.networks.training.strong_augment.operations import Operation, apply_operations, cutout
from nextlabel_plugins.networks.training.strong_augment.rand_augment import RandAugment

FILL = torch.full((3, 1, 1), 7.0)
ALL = [*ct_augment.OPERATIONS, *rand_augment.OPERATIONS]


def images(count: int = 4, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(20, 230, (count, channels, 4, 4), generator=generator).float()
    noise = torch.randint(-20, 20, (count, channels, 16, 16), generator=generator)
    return coarse.repeat_interleave(4, 2).repeat_interleave(4, 3) + noise


def pillow(image: Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).byte().numpy())


@pytest.mark.parametrize(
    ("operation", "magnitude", "reference"),
    [
        (operations.brightness, 0.4, lambda image: ImageEnhance.Brightness(image).enhance(0.4)),
        (operations.colour, 0.3, lambda image: ImageEnhance.Color(image).enhance(0.3)),
        (operations.contrast, 1.6, lambda image: ImageEnhance.Contrast(image).enhance(1.6)),
        (operations.autocontrast, 1.0, ImageOps.autocontrast),
        (operations.invert, 1.0, ImageOps.invert),
        (operations.posterize, 3.0, lambda image: ImageOps.posterize(image, 3)),
        (operations.solarize, 100.0, lambda image: ImageOps.solarize(image, 100)),
        (operations.equalize, 1.0, ImageOps.equalize),
        (operations.smooth, 1.0, lambda image: image.filter(ImageFilter.SMOOTH)),
        (operations.blur, 1.0, lambda image: image.filter(ImageFilter.BLUR)),
    ],
)
def test_colours_are_those_of_pillow(operation, magnitude, reference) -> None:
    changed = operation(images(), torch.full((4,), magnitude))
    for image, ours in zip(images(), changed, strict=True):
        expected = torch.from_numpy(np.array(reference(pillow(image)))).permute(2, 0, 1).float()
        inside = slice(2, -2)  # Pillow leaves the border as it is
        difference = (ours - expected)[:, inside, inside].abs()
        assert difference.max() <= 1.5


def test_geometry_moves_pixels() -> None:
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, 1, 4] = 100.0  # near the top, right of the centre

    def place(matrices: Tensor) -> list[int]:
        return torch.nonzero(operations.resample(image, matrices)[0, 0] > 40)[0].tolist()

    assert place(operations.translate_x(torch.tensor([0.25]))) == [1, 2]
    assert place(operations.translate_y(torch.tensor([-0.25]))) == [3, 4]
    assert place(operations.rotation(torch.tensor([90.0]))) in ([4, 6], [3, 1])
    assert place(operations.zoom(torch.tensor([0.0]))) == [1, 4]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("number", range(len(ALL)))
def test_strength_0_changes_nothing_and_1_stays_in_range(number: int, channels: int) -> None:
    chosen, levels = torch.zeros(4, dtype=torch.int64), torch.tensor([0.0, 0.3, 0.7, 1.0])
    before = images(channels=channels)
    weak = apply_operations(before, [ALL[number]], chosen, levels, 0.0)
    # posterize to 8 bits rounds nothing away; a resampling by the identity is exact to float precision
    torch.testing.assert_close(weak, images(channels=channels), atol=1e-2, rtol=0)
    strong = apply_operations(before, [ALL[number]], chosen, levels, 1.0)
    assert strong.min() >= 0
    assert strong.max() <= 255.01
    torch.testing.assert_close(before, images(channels=channels))  # in place would change the stored images


def test_strength_scales_the_distance_from_no_change() -> None:
    brightness = Operation(0.1, 2.0, 1.0, operations.brightness)
    magnitudes = brightness.magnitudes(torch.tensor([0.0, 1.0]), 0.5)
    torch.testing.assert_close(magnitudes, torch.tensor([0.55, 1.5]))


def test_each_image_gets_its_own_operation() -> None:
    chosen = torch.tensor([1, 0, 1, 0])
    pair = [Operation(0, 0, 0), Operation(1, 1, 0, operations.invert)]
    changed = apply_operations(images(), pair, chosen, torch.rand(4), 1.0)
    expected = torch.where((chosen == 1)[:, None, None, None], 255 - images(), images())
    torch.testing.assert_close(changed, expected)


def test_cutout_covers_one_square_of_at_most_its_share() -> None:
    torch.manual_seed(0)
    covered = (cutout(images(200), 0.5, FILL) == FILL).all(dim=1)
    rows, columns = covered.any(dim=2).sum(dim=1), covered.any(dim=1).sum(dim=1)
    assert torch.equal(covered.sum(dim=(1, 2)), rows * columns)
    assert 6 <= max(int(rows.max()), int(columns.max())) <= 9


@pytest.mark.parametrize("kind", [CTAugment, RandAugment, Jitter])
@pytest.mark.parametrize("channels", [1, 3])
def test_views_differ_and_repeat_with_the_seed(kind: type[CTAugment | RandAugment | Jitter], channels: int) -> None:
    augment = kind(0.5, 0.5, FILL[:channels])
    views = []
    for _ in range(2):
        torch.manual_seed(3)
        views.append(augment(images(channels=channels)))
    assert torch.equal(*views)
    assert views[0].shape == (4, channels, 16, 16)
    assert not torch.equal(views[0], images(channels=channels))


def test_ctaugment_leaves_out_bins_that_the_network_fails_on() -> None:
    augment = CTAugment(1.0, 0.0, FILL)
    inverting = [operation.colours for operation in ct_augment.OPERATIONS].index(operations.invert)
    each = torch.cartesian_prod(torch.arange(len(ct_augment.OPERATIONS)), torch.arange(ct_augment.BINS))
    probe = ct_augment.Probe(images(1), each[:, :1].expand(-1, 2), each[:, 1:].expand(-1, 2))
    for _ in range(20):
        augment.learn(probe, torch.where((each[:, 0] == inverting) & (each[:, 1] > 8), 0.0, 1.0))
    assert augment.weights[inverting, 9:].max() < 0.75 < augment.weights[inverting, :9].min()
    noticed: list[Tensor] = []
    draw = torch.multinomial

    def recording(weights: Tensor, count: int) -> Tensor:
        noticed.append(weights)
        return draw(weights, count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "multinomial", recording)
        augment(images(64))
    used = torch.cat(noticed)
    assert (used == 0).any(dim=1).sum() == (used[:, 9:] == 0).all(dim=1).sum() > 0


def test_an_update_of_ctaugment_is_a_running_mean() -> None:
    augment = CTAugment(1.0, 0.0, FILL)
    probe = ct_augment.Probe(images(1), torch.tensor([[2, 3]]), torch.tensor([[5, 6]]))
    augment.learn(probe, torch.tensor([0.5]))
    expected = augment.weights.clone()
    expected[2, 5] = expected[3, 6] = 0.99 + 0.01 * 0.5
    torch.testing.assert_close(augment.weights, expected)


CT_POSTERIZE, RAND_POSTERIZE = (
    next(operation for operation in module.OPERATIONS if operation.colours is operations.posterize)
    for module in (ct_augment, rand_augment)
)


def bits(operation: Operation, levels: Tensor, strength: float) -> list[int]:
    """Return how many bits posterizing leaves of an image of all numbers."""
    ramp = torch.arange(256.0).view(1, 1, 16, 16).expand(len(levels), -1, -1, -1)
    left = operations.posterize(ramp, operation.magnitudes(levels, strength))
    return [len(torch.unique(image)).bit_length() - 1 for image in left]


def test_posterizing_leaves_as_many_bits_as_in_the_published_programs() -> None:
    eighths = (torch.arange(8) + 0.5) / 8
    assert bits(CT_POSTERIZE, eighths, 1.0) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert bits(CT_POSTERIZE, torch.tensor([0.0, 0.5, 1.0]), 0.5) == [4, 6, 8]
    assert bits(CT_POSTERIZE, eighths, 0.0) == [8] * 8
    assert bits(RAND_POSTERIZE, torch.tensor([0.0, 0.24, 0.26, 0.51, 0.76, 0.999]), 1.0) == [4, 4, 5, 6, 7, 7]


def test_posterizing_has_a_bin_for_each_number_of_bits() -> None:
    torch.manual_seed(0)
    number = ct_augment.OPERATIONS.index(CT_POSTERIZE)
    augment = CTAugment(1.0, 0.0, FILL)
    for weight in (1.0, 0.0):  # the network copes with all bins, or with none
        augment.weights[number, :8] = weight
        assert sorted(set(augment._usable_bins(torch.full((300,), number)).tolist())) == list(range(8))
    probe = augment.probe(images(2000))
    assert sorted(set(probe.bins[probe.operations == number].tolist())) == list(range(8))
    assert sorted(set(probe.bins[probe.operations != number].tolist())) == list(range(17))


def test_ctaugment_learns_how_large_a_covered_square_may_be() -> None:
    torch.manual_seed(0)
    square = next(operation for operation in ct_augment.OPERATIONS if operation.colours is operations.grey_square)
    black = torch.zeros(300, 3, 32, 32)
    for strength, largest in ((1.0, 16), (0.5, 8)):
        levels = torch.full((300,), 1.0)
        covered = (apply_operations(black, [square], torch.zeros(300), levels, strength) == 127).all(dim=1)
        sides = covered.any(dim=1).sum(dim=1)
        assert largest - 1 <= int(sides.max()) <= largest + 1
        assert int(sides.min()) < largest  # at the border


def test_random_numbers_are_drawn_on_the_cpu() -> None:
    states = []
    for device in ("cpu", "meta"):
        torch.manual_seed(0)
        views = Jitter(0.5, 0.5, FILL.to(device))(images().to(device))
        assert views.device.type == device
        states.append(torch.get_rng_state())
    assert torch.equal(*states)
