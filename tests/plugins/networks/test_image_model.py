"""What the model says beyond probabilities, and how it goes about a large pool."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nextlabel.contracts import VectorItems
from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.images.image_items import PixelItems
from nextlabel_plugins.networks import image_model
from nextlabel_plugins.networks.convnet import ConvNet
from nextlabel_plugins.networks.image_model import ImageModel
from nextlabel_plugins.networks.network import Shape

EVERYTHING = frozenset({"probabilities", "embeddings", "samples"})


@pytest.fixture
def items() -> PixelItems:
    return PixelItems(np.random.default_rng(0).integers(0, 256, (50, 8, 8), np.uint8))


def model(dropout: float = 0.5, draws: int = 6) -> ImageModel:
    torch.manual_seed(0)
    return ImageModel(ConvNet(Shape(8, 8, 1, 3, 4, dropout)).eval(), draws, seed=5)


def test_draws_are_networks_the_same_for_every_piece_of_the_pool(items: PixelItems) -> None:
    whole = model().predict(items, EVERYTHING, np.random.default_rng(0)).samples
    piece = model().predict(items.take(np.arange(20, 30)), EVERYTHING, np.random.default_rng(9)).samples
    assert whole is not None
    assert whole.shape == (6, 50, 3)
    np.testing.assert_allclose(piece, whole[:, 20:30], atol=1e-6)
    assert np.ptp(whole, axis=0).max() > 0.01


def test_without_dropout_all_draws_agree(items: PixelItems) -> None:
    said = model(dropout=0).predict(items, EVERYTHING, np.random.default_rng(0))
    np.testing.assert_allclose(said.samples, np.stack([said.probabilities] * 6), atol=1e-6)


def test_only_what_is_asked_is_computed(items: PixelItems) -> None:
    said = model().predict(items, frozenset({"embeddings"}), np.random.default_rng(0))
    assert said.samples is None
    assert said.embeddings is not None
    head = model().network.head
    logits = said.embeddings @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(torch.from_numpy(logits).softmax(1), said.probabilities, atol=1e-5)


def test_a_large_pool_goes_in_batches(items: PixelItems, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model().predict(items, EVERYTHING, np.random.default_rng(0))
    monkeypatch.setattr(image_model, "CELLS", 8 * 8 * 4 * 7)
    sizes = [rows.stop - rows.start for rows, _ in model()._batches(items)]
    assert sizes == [7] * 7 + [1]
    parts = model().predict(items, EVERYTHING, np.random.default_rng(0))
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-6)
    np.testing.assert_allclose(parts.samples, whole.samples, atol=1e-6)


def test_vectors_are_refused() -> None:
    with pytest.raises(Unprocessable, match="images only"):
        model().predict(VectorItems(np.zeros((2, 3), np.float32)), frozenset(), np.random.default_rng(0))


def test_rebuilt_it_is_the_same_to_the_bit(items: PixelItems) -> None:
    first = model()
    second = ImageModel.rebuild(first.description(), first.tensors())
    one, other = (m.predict(items, EVERYTHING, np.random.default_rng(0)) for m in (first, second))
    for name in EVERYTHING:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
