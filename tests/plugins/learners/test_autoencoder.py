"""The learner `autoencoder`: what it is trained on, its codes, and the loss of both parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from nextlabel.contracts import Targets, Training
from nextlabel.contracts.errors import ProjectError, Unprocessable
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.parameters import validate
from nextlabel_plugins.datasets.digits import Digits, DigitsParameters
from nextlabel_plugins.learners.autoencoder import Autoencoder, AutoencoderParameters
from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.training.train_autoencoder import AutoencoderConfig, pretrain

COUNT = 300
QUICK = AutoencoderParameters(codes=8, pretrain_items=100, pretrain_epochs=2, epochs=3, min_steps=3)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    contents = Digits(DigitsParameters(limit=COUNT, shuffle_seed=0)).read(None, 0)
    return contents.content.array, contents.truth


def sets(truth: np.ndarray, rows: slice, more: int = 0) -> np.ndarray:
    """Return sets: the truth and `more` other classes for the items in `rows`, all classes for the rest."""
    rng = np.random.default_rng(0)
    candidates = np.ones((COUNT, 10), np.bool_)
    for row in range(COUNT)[rows]:
        candidates[row] = False
        candidates[row, [truth[row], *rng.permutation(10)[:more]]] = True
    return candidates


def weights(parameters: AutoencoderParameters, array: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    model = Autoencoder(parameters).fit(PixelItems(array), Targets(candidates=candidates), Training(0))
    return model.tensors()["trunk.1.weight"]


@pytest.mark.parametrize("more", [0, 2])
def test_it_learns_from_full_and_from_partial_labels(digits: tuple[np.ndarray, np.ndarray], more: int) -> None:
    array, truth = digits
    items = PixelItems(array)
    options = AutoencoderParameters(pretrain_epochs=20, pretrain_batch_size=32, epochs=60)
    model = Autoencoder(options).fit(items, Targets(candidates=sets(truth, slice(200), more)), Training(0))
    outputs = model.predict(items.take(np.arange(200, COUNT)), frozenset({"embeddings"}), np.random.default_rng(0))
    assert (outputs.probabilities.argmax(axis=1) == truth[200:]).mean() > 0.75
    assert outputs.embeddings.shape == (100, 32)
    assert outputs.embeddings.min() == 0


@pytest.mark.parametrize(
    ("changed", "pretrained", "differs"),
    [(50, {}, True), (150, {}, False), (150, {"pretrain_items": 0}, True), (50, {"pretrain_epochs": 0}, False)],
)
def test_it_sees_the_first_items_without_their_labels(
    digits: tuple[np.ndarray, np.ndarray], changed: int, pretrained: Mapping[str, int], differs: bool
) -> None:
    array, truth = digits
    options, candidates = replace(QUICK, **pretrained), sets(truth, slice(200, 250))
    other = array.copy()
    other[changed] = 255 - other[changed]
    assert np.array_equal(weights(options, array, candidates), weights(options, other, candidates)) is not differs


def test_the_labelled_items_are_those_of_their_labels(digits: tuple[np.ndarray, np.ndarray]) -> None:
    array, truth = digits
    other = array.copy()
    other[50:200] = 0  # neither pre-trained on nor labelled
    options = replace(QUICK, pretrain_items=50)
    candidates = sets(truth, slice(200, 250))
    np.testing.assert_array_equal(weights(options, array, candidates), weights(options, other, candidates))


def test_epochs_are_numbered_in_one_sequence(digits: tuple[np.ndarray, np.ndarray]) -> None:
    array, truth = digits
    ends: list[tuple[float, float]] = []

    def progress(_share: float, metrics: Mapping[str, float]) -> None:
        ends.extend([(metrics["epoch"], metrics["step"])] if "epoch" in metrics else [])

    options = replace(QUICK, pretrain_batch_size=50)  # two updates an epoch
    targets = Targets(candidates=sets(truth, slice(9)))
    Autoencoder(options).fit(PixelItems(array), targets, Training(0, progress=progress))
    assert ends == [(1, 2), (2, 4), (3, 5), (4, 6), (5, 7)]


def test_it_reports_its_precision(digits: tuple[np.ndarray, np.ndarray]) -> None:
    array, truth = digits
    bits: list[float] = []

    def progress(_share: float, metrics: Mapping[str, float]) -> None:
        bits.extend([metrics["bits"]] if "bits" in metrics else [])

    Autoencoder(QUICK).fit(PixelItems(array), Targets(candidates=sets(truth, slice(9))), Training(0, progress=progress))
    assert bits == [32]


def test_the_autoencoder_reconstructs(digits: tuple[np.ndarray, np.ndarray]) -> None:
    images = torch.from_numpy(digits[0].copy())[:, None]
    torch.manual_seed(0)
    network = build_network(Shape(8, 8, 1, 10, 32, 0.0, "encoder"))
    losses: list[float] = []
    config = AutoencoderConfig(
        pretrain_epochs=40, pretrain_batch_size=25, epochs=1, min_steps=1, batch_size=1, learning_rate=0.003
    )
    decoder = pretrain(network, images, config, lambda _share, metrics: losses.append(metrics["loss"]))
    assert losses[0] < math.log(2)
    drawn = decoder(network.embed(images.float())).sigmoid()
    # an image of the pool's mean pixels has a squared error of the pixels' variance
    pixels = images.flatten(1) / 255
    assert (drawn - pixels).square().mean() < 0.3 * pixels.var(dim=0).mean()


def test_training_without_a_label_is_refused(digits: tuple[np.ndarray, np.ndarray]) -> None:
    array, truth = digits
    with pytest.raises(Unprocessable, match="no label to learn from"):
        weights(QUICK, array, sets(truth, slice(0)))


def test_parameters_are_checked() -> None:
    with pytest.raises(ProjectError) as error:
        validate(AutoencoderParameters, {"codes": 0, "pretrain_epochs": -1, "code": 32}, "[learner]")
    for part in ("codes", "pretrain_epochs", "did you mean 'codes'"):
        assert part in str(error.value)
